"""Faults of Ray's processes on a node."""

from __future__ import annotations

from sage_lab.faults.kinds import Family, Kind
from sage_lab.faults.means import OnNode
from sage_lab.faults.on_node.process_faults import CrashLoop, Signalled


def _signalled(name: str, role: str, signal: str, does: str) -> Kind:
    return Kind(name, Family.PROCESS, does, OnNode(Signalled, {"role": role, "signal": signal}))


KINDS = (
    _signalled("raylet killed", "raylet", "KILL", "The raylet is killed with SIGKILL; healing starts nothing."),
    _signalled("raylet terminated", "raylet", "TERM", "The raylet is asked to end with SIGTERM."),
    _signalled("raylet stopped", "raylet", "STOP", "The raylet hangs (SIGSTOP); healing lets it go on."),
    Kind(
        "raylet crash loop",
        Family.PROCESS,
        "The raylet is killed, and each new one too, until healed.",
        OnNode(CrashLoop, {"role": "raylet"}),
    ),
    _signalled("gcs killed", "gcs", "KILL", "The GCS is killed with SIGKILL; healing starts nothing."),
    _signalled("gcs stopped", "gcs", "STOP", "The GCS hangs (SIGSTOP); healing lets it go on."),
    _signalled("dashboard killed", "dashboard", "KILL", "The dashboard is killed with SIGKILL."),
    _signalled("worker process killed", "worker", "KILL", "All worker processes (ray::...) of the node are killed."),
)
