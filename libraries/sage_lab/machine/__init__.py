"""The machine that the lab runs on: its kernel, namespaces, control groups, locks and commands."""
