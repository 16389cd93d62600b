"""The package of a project, and its way to the nodes."""
