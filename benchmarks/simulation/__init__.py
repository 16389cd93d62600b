"""Many nodes without machines: SSH servers in one process answer what the managers ask of a node."""
