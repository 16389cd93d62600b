"""The kinds of fault, one file a family: docs/faults.md lists them."""
