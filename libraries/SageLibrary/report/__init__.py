"""What people read of a run: every test's timeline, which faults were noticed and repaired, and how fast."""
