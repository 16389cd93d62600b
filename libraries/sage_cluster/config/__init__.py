"""The configuration file: what it may say, how it is read, checked, and changed without losing a comment."""
