"""What a run leaves as values: events, times, verdicts; the report draws them."""
