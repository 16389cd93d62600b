"""Stop this node's Ray session: ask, wait, force, and prove that nothing is left."""

from __future__ import annotations

import signal
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from sage_cluster.on_node.gcs_storage import remove_storage
from sage_cluster.on_node.node_lock import alone
from sage_cluster.on_node.processes import ProcessStat, await_end, send
from sage_cluster.on_node.sessions import find_processes, refuse_foreign, remove_sessions, session_processes

if TYPE_CHECKING:
    from sage_cluster.on_node.protocol import Killed, NodeSpec, Stopped, StopSpec

FORCE_SECONDS = 5.0
GCS_SECONDS = 3.0  # it waits for ever for raylets that still talk to it, and has nothing more to save by then


@alone
def stop(spec: StopSpec) -> Stopped:
    """Stop every process of the sessions below ``spec["temp_dir"]`` and delete the session directories
    and the GCS's tables.

    ``grace`` seconds pass between asking (SIGTERM) and force (SIGKILL). The raylet goes first, so that Ray hears a
    farewell while the GCS still listens. Answers which pids ended by force, which remain, and the sessions removed.
    Only what this user runs there is stopped: raises ForeignRayError when another one's Ray is there too.
    """
    temp_dir = spec["temp_dir"]
    deadline = time.monotonic() + float(spec["grace"])
    before = session_processes(temp_dir)
    # Each waits for the next to hear its farewell: the GCS that of the raylet, and that of the autoscaler's monitor,
    # which hangs when the GCS is gone before it.
    _end([p for p in before if p.role == "raylet"], deadline)
    _end([p for p in session_processes(temp_dir) if p.role != "gcs"], deadline)
    _end(session_processes(temp_dir), min(deadline, time.monotonic() + GCS_SECONDS))
    forced = force_stop(temp_dir)
    left, foreign = find_processes(temp_dir)
    remaining = [p.pid for p in left]
    removed = [] if remaining else remove_sessions(temp_dir, spec["log_dir"], int(spec["keep_logs"]))
    if not remaining:
        remove_storage(temp_dir)
    refuse_foreign(foreign, temp_dir)
    return {
        "was_running": bool(before),
        "stopped": sorted({p.pid for p in before} - set(remaining)),
        "forced": forced,
        "remaining": remaining,
        "sessions_removed": removed,
    }


def kill_raylet(spec: NodeSpec) -> Killed:
    """SIGKILL the raylet, as a crash would. Answers its pid, or None when there was none. Raises ForeignRayError."""
    processes, foreign = find_processes(spec["temp_dir"])
    refuse_foreign(foreign, spec["temp_dir"])
    raylets = [p for p in processes if p.role == "raylet"]
    for raylet in raylets:
        send(raylet, signal.SIGKILL)
    return {"pid": raylets[0].pid if raylets else None}


def force_stop(temp_dir: str) -> list[int]:
    """SIGKILL what is left, again while new ones appear, for at most FORCE_SECONDS. Returns the pids."""
    forced: set[int] = set()
    deadline = time.monotonic() + FORCE_SECONDS
    while time.monotonic() < deadline:
        left = session_processes(temp_dir)
        if not left:
            break
        for process in left:
            send(process, signal.SIGKILL)
        forced |= {p.pid for p in left}
        await_end(left, deadline)
    return sorted(forced)


def _end(processes: Sequence[ProcessStat], deadline: float) -> None:
    for process in processes:
        send(process, signal.SIGTERM, signal.SIGCONT)
    await_end(processes, deadline)
