"""What this node says of itself: its Ray processes, their health, and its own load and room."""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from sage_cluster.on_node.environment import EnvironmentNotFoundError, find_environment
from sage_cluster.on_node.http_get import http_get
from sage_cluster.on_node.ports import listening_ports
from sage_cluster.on_node.ray_view import RayDoesNotAnswerError, ask_ray
from sage_cluster.on_node.sessions import (
    ForeignRayError,
    Process,
    find_processes,
    refuse_foreign,
    session_directories,
)
from sage_cluster.on_node.versions import ray_versions

if TYPE_CHECKING:
    from sage_cluster.on_node.protocol import NodeSpec, OptionalProbe, Probe, ProbeSpec, RunningRaylet

HEALTH_SECONDS = 2.0


def probe(spec: ProbeSpec) -> Probe:
    """Describe the Ray session below ``spec["temp_dir"]``; on the head, what Ray says of all nodes as well.

    Answers ``processes`` (role, pid, start, state), the raylet's identity or None, ``gcs_running``, ``health``
    ("ok", "hung", "unknown" or "none"), listening ``ports``, ``sessions`` on disk, the node's load and free bytes;
    on a head that runs ``nodes`` (see `ray_view`) or ``ray_problem``; and its ``versions`` when ``spec`` asks for them.
    A ``ray_problem`` tells of another user's Ray there, too.
    """
    temp_dir = spec["temp_dir"]
    processes, foreign = find_processes(temp_dir)
    raylet = next((p for p in processes if p.role == "raylet"), None)
    gcs = next((p for p in processes if p.role == "gcs"), None)
    return {
        **_ask_ray(spec, gcs, foreign),
        **_versions(spec),
        "hostname": socket.gethostname(),
        "processes": [{"role": p.role, "pid": p.pid, "start": p.start, "state": p.state} for p in processes],
        "raylet": _raylet(raylet) if raylet else None,
        "gcs_running": gcs is not None,
        "health": "hung" if gcs and gcs.state == "T" else raylet_health(temp_dir, raylet),
        "ports": sorted(listening_ports({p.pid for p in processes})),
        "sessions": [directory.name for directory in session_directories(temp_dir)],
        "load": os.getloadavg()[0],
        "free_bytes": _free_bytes(temp_dir),
    }


def _ask_ray(spec: NodeSpec, gcs: Process | None, foreign: list[Process]) -> OptionalProbe:
    try:
        refuse_foreign(foreign, spec["temp_dir"])
        return {"nodes": ask_ray(spec, gcs.address)} if gcs else {}
    except (RayDoesNotAnswerError, EnvironmentNotFoundError, ForeignRayError) as error:
        return {"ray_problem": str(error)}


def _versions(spec: ProbeSpec) -> OptionalProbe:
    if not spec["versions"]:
        return {}
    return {"versions": ray_versions(find_environment(spec["ray_command"], spec["python_path"], spec["conda_env"]))}


def _raylet(raylet: Process) -> RunningRaylet:
    return {
        "pid": raylet.pid,
        "node_id": raylet.node_id,
        "session": raylet.session,
        "address": raylet.address,
        "gcs_address": raylet.gcs_address,
        "state": raylet.state,
    }


def raylet_health(temp_dir: str, raylet: Process | None) -> str:
    """Ask the raylet's own agent (`/api/local_raylet_healthz`): an open port alone proves nothing."""
    if raylet is None:
        return "none"
    if raylet.state == "T":
        return "hung"
    port_file = Path(temp_dir) / raylet.session / f"dashboard_agent_listen_port_{raylet.node_id}"
    try:
        port = int(port_file.read_text())
    except (OSError, ValueError):
        return "unknown"
    try:
        http_get(raylet.address, port, "/api/local_raylet_healthz", HEALTH_SECONDS)
    except (TimeoutError, ValueError):
        return "hung"
    except OSError:
        return "unknown"
    return "ok"


def _free_bytes(temp_dir: str) -> int:
    """Of the disk on which ``temp_dir`` is, or would be."""
    for path in (Path(temp_dir), *Path(temp_dir).parents):
        with suppress(FileNotFoundError, NotADirectoryError, PermissionError):
            space = os.statvfs(path)
            return space.f_bavail * space.f_frsize
    return 0
