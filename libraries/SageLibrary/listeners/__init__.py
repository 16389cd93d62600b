"""What Robot tells of a run, taken down for the report."""
