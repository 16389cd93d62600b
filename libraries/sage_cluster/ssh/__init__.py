"""Connections to the nodes: one kept for each, many at once, and what is known of a host by its key."""
