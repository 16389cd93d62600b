"""One operation at a time: the lock, the journal, who is wanted, how progress is told."""
