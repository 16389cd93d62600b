"""One file per kind of word."""
