"""What a deployment does on a node."""
