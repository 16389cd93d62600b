"""A live page of a lab while suites run on it: nodes, links, faults, the current test, events."""
