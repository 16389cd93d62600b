"""What Robot converts from the words of a table."""
