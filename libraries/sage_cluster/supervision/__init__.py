"""The supervisor: it watches the nodes, judges what it sees, and repairs."""
