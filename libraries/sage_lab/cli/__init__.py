"""The command `sage-lab`."""
