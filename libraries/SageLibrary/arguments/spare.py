"""The node that is outside of the cluster until a test adds it. Machines that exist may have none to spare."""

from __future__ import annotations

from collections.abc import Iterable

from robot.api import SkipExecution

from sage_lab import Lab

SPARE = "new-worker"


def need_spare(lab: Lab, said: Iterable[object]) -> None:
    """Skip the test when what it says names the spare, alone or as host and port, and the lab has none."""
    if any(node.name == SPARE for node in lab.nodes):
        return
    if any(str(one).partition(":")[0] == SPARE for one in said):
        raise SkipExecution(f"this lab has no spare: it takes a machine '{SPARE}' outside of the cluster")
