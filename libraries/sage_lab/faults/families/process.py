"""Faults of Ray's processes on a node."""

from __future__ import annotations

from sage_lab.faults.kinds import Family, FaultKind, Kind
from sage_lab.faults.means import OnNode


def _signalled(kind: FaultKind, role: str, signal: str, does: str) -> Kind:
    return Kind(kind, Family.PROCESS, does, OnNode("signalled", {"role": role, "signal": signal}))


KINDS = (
    _signalled(FaultKind.RAYLET_KILLED, "raylet", "KILL", "The raylet is killed with SIGKILL; healing starts nothing."),
    _signalled(FaultKind.RAYLET_TERMINATED, "raylet", "TERM", "The raylet is asked to end with SIGTERM."),
    _signalled(FaultKind.RAYLET_STOPPED, "raylet", "STOP", "The raylet hangs (SIGSTOP); healing lets it go on."),
    Kind(
        FaultKind.RAYLET_CRASH_LOOP,
        Family.PROCESS,
        "The raylet is killed, and each new one too, until healed.",
        OnNode("crash-loop", {"role": "raylet"}),
    ),
    _signalled(FaultKind.GCS_KILLED, "gcs", "KILL", "The GCS is killed with SIGKILL; healing starts nothing."),
    _signalled(FaultKind.GCS_STOPPED, "gcs", "STOP", "The GCS hangs (SIGSTOP); healing lets it go on."),
    _signalled(FaultKind.DASHBOARD_KILLED, "dashboard", "KILL", "The dashboard is killed with SIGKILL."),
    _signalled(
        FaultKind.WORKER_PROCESS_KILLED, "worker", "KILL", "All worker processes (ray::...) of the node are killed."
    ),
)
