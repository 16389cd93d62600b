"""What the supervisor of a cluster on real nodes says, and signals to processes there."""

from __future__ import annotations

import time
from typing import Any

from sage_cluster import ClusterManager
from sage_lab import Lab
from tests.support.waiting import wait_for


def states(manager: ClusterManager) -> dict[str, str]:
    """What it says of each node."""
    return {name: said["state"] for name, said in manager.supervision.states().items()}


def wait_until_all_run(manager: ClusterManager, seconds: float) -> None:
    """Until it says so of all nodes, and the status agrees."""
    wait_for(lambda: set(states(manager).values()), {"running"}, seconds)
    assert manager.status_cluster().healthy


def events(manager: ClusterManager, since: float, node: str) -> list[dict[str, Any]]:
    """Those of the journal about a node, since a moment of the monotonic clock."""
    return [e for e in manager.operations.journal.last(500) if e["monotonic"] >= since and e.get("node") == node]


def kinds(found: list[dict[str, Any]]) -> list[str]:
    """The events in a word each; of what was observed the state."""
    return [event["state"] if event["event"] == "observed" else event["event"] for event in found]


def signal(lab: Lab, manager: ClusterManager, node: str, role: str, name: str) -> float:
    """Send a signal to the first process of this role on a node; the moment before it."""
    pid = next(p["pid"] for p in manager.status_cluster().node(node).processes if p["role"] == role)
    since = time.monotonic()
    assert lab.run(node, ["kill", f"-{name}", str(pid)]).returncode == 0
    return since
