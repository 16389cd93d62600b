"""The colours of node states and of times; each stands out on a white page and on a dark one."""

from __future__ import annotations

COLOURS = {
    "running": "#2e9e5b",
    "starting": "#8fd3aa",
    "starting again": "#e0b04c",
    "restarting": "#8fd3aa",
    "joining": "#8fd3aa",
    "stopping": "#c3ccd6",
    "draining": "#c3ccd6",
    "stopped": "#98a4b1",
    "removed": "#98a4b1",
    "unreachable": "#d0443e",
    "cut_off": "#d0443e",
    "hung": "#a0306e",
    "unregistered": "#e08a2c",
    "incomplete": "#e08a2c",
    "suspect": "#e0b04c",
    "lost": "#d0443e",
    "recovering": "#4a90d9",
    "quarantined": "#8a5cc9",
}
DOWN = {"stopped", "removed", "unreachable", "cut_off", "hung", "lost", "recovering", "quarantined"}
"""States in which a node does no work for the cluster."""
UNKNOWN = "#e0573e"
BAD = "#e0483e"
GOOD = "#2e9e5b"


def colour_of(state: str) -> str:
    """The colour of a state; one that stands out for a state that the table does not know."""
    return COLOURS.get(state, UNKNOWN)
