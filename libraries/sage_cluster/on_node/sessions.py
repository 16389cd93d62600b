"""Which processes on this node belong to the Ray sessions below one temporary directory.

A process belongs to a session when it names the session's directory in one of Ray's own options, when it carries
the node id or the raylet pid of such a process, when it was started by `sage-cluster` for this directory (an
environment variable that children inherit), or when it descends from one of these. A command line that merely
mentions Ray, an editor open on a log file say, does not belong.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

COOKIE = "SAGE_CLUSTER_TEMP_DIR"
SESSION_NAME = "session_[0-9][0-9][0-9][0-9]-[0-9]*_*_*_[0-9]*"  # session_2026-11-22_16-29-35_019379_4804
SESSION_OPTIONS = ("--session-dir", "--logs-dir", "--log-dir", "--raylet-socket-name")
SCRIPT_ROLES = {
    "dashboard.py": "dashboard",
    "log_monitor.py": "log_monitor",
    "monitor.py": "autoscaler",
    "ray.util.client.server": "client_server",
}


@dataclass(frozen=True)
class Process:
    """One process of a session. ``start`` is its start time in clock ticks since boot, ``state`` as in ps."""

    pid: int
    start: int
    parent: int
    state: str
    role: str
    session: str
    node_id: str
    address: str
    gcs_address: str
    words: tuple[str, ...]
    environ: tuple[str, ...]


def session_processes(temp_dir: str) -> list[Process]:
    """All processes of the sessions below ``temp_dir``, the raylet and the GCS first."""
    everything = {process.pid: process for process in _readable_processes(temp_dir)}
    cookie = f"{COOKIE}={temp_dir}"
    found = {p.pid for p in everything.values() if p.session or cookie in p.environ}
    node_ids = {p.node_id for p in everything.values() if p.session and p.node_id}
    raylets = {f"RAY_RAYLET_PID={p.pid}" for p in everything.values() if p.session and p.role == "raylet"}
    found |= {p.pid for p in everything.values() if p.node_id in node_ids or not raylets.isdisjoint(p.environ)}
    while True:
        children = {p.pid for p in everything.values() if p.parent in found} - found
        if not children:
            break
        found |= children
    found -= _own_ancestry(everything)
    order = {"raylet": 0, "gcs": 1}
    return sorted((everything[pid] for pid in found), key=lambda p: (order.get(p.role, 2), p.pid))


def is_alive(process: Process) -> bool:
    """Whether this very process still runs: same pid, same start time, not a zombie."""
    stat = _read_stat(process.pid)
    return stat is not None and stat[2] == process.start and stat[1] not in "ZX"


def session_directories(temp_dir: str) -> list[Path]:
    """The session directories below ``temp_dir``; links are not followed."""
    root = Path(temp_dir)
    if not root.is_dir():
        return []
    return sorted(p for p in root.glob(SESSION_NAME) if p.is_dir() and not p.is_symlink())


def remove_sessions(temp_dir: str, log_dir: str, keep: int) -> list[str]:
    """Delete every session directory below ``temp_dir``, its logs moved to ``log_dir`` first.

    Only names that Ray itself makes are touched. Of the saved logs the newest ``keep`` sessions stay.
    Returns the names of the removed sessions.
    """
    removed = []
    saved = Path(log_dir).expanduser() if log_dir else None
    for directory in session_directories(temp_dir):
        if saved and (directory / "logs").is_dir():
            # By way of another name, as the logs' place may be the temporary directory itself.
            moved = directory.with_name(f"saved_{directory.name}")
            shutil.move(str(directory / "logs"), str(moved))
            shutil.rmtree(directory)
            saved.mkdir(parents=True, exist_ok=True)
            shutil.move(str(moved), str(_new_name(saved / directory.name)))
        else:
            shutil.rmtree(directory)
        removed.append(directory.name)
    for name in ("session_latest", "ray_current_cluster", "prom_metrics_service_discovery.json"):
        leftover = Path(temp_dir) / name
        if leftover.is_symlink() or leftover.is_file():
            leftover.unlink()
    if saved:
        kept = session_directories(str(saved))
        for old in kept[: max(0, len(kept) - keep)]:
            shutil.rmtree(old)
    return removed


def _new_name(path: Path) -> Path:
    """The path, numbered after those there are: a head that recovers goes on in a session that has saved logs."""
    taken = sorted(other.name for other in path.parent.glob(f"{path.name}*"))
    if not taken:
        return path
    number = taken[-1].removeprefix(path.name).lstrip("_")
    return path.with_name(f"{path.name}_{int(number or 0) + 1:03}")


def _readable_processes(temp_dir: str) -> list[Process]:
    marker = temp_dir.rstrip("/") + "/session_"
    processes = []
    for entry in Path("/proc").glob("[0-9]*"):
        pid = int(entry.name)
        stat = _read_stat(pid)
        words = _read_words(f"/proc/{pid}/cmdline")
        if stat is None or not words or stat[1] in "ZX":
            continue
        options = _options(words)
        session = ""
        for name in SESSION_OPTIONS:
            value = options.get(name, "")
            if value.startswith(marker):
                session = value[len(temp_dir.rstrip("/")) + 1 :].split("/", 1)[0]
        processes.append(
            Process(
                pid=pid,
                start=stat[2],
                parent=stat[0],
                state=stat[1],
                role=_role(words),
                session=session,
                node_id=options.get("--node-id", ""),
                address=options.get("--node-ip-address", ""),
                gcs_address=options.get("--gcs-address", ""),
                words=words,
                environ=_read_words(f"/proc/{pid}/environ"),
            )
        )
    return processes


def _options(words: tuple[str, ...]) -> dict[str, str]:
    options: dict[str, str] = {}
    for word in words[1:]:
        name, equals, value = word.partition("=")
        if equals and name.startswith("--"):
            options.setdefault(name.replace("_", "-"), value)
    return options


def _role(words: tuple[str, ...]) -> str:
    program = Path(words[0]).name
    if program == "gcs_server":
        return "gcs"
    if program == "raylet":
        return "raylet"
    for word in words[1:5]:
        role = SCRIPT_ROLES.get(Path(word).name)
        if role:
            return role
    return "agent" if words[0].startswith("ray::") and "Agent" in words[0] else "other"


def _own_ancestry(everything: dict[int, Process]) -> set[int]:
    ancestry = set()
    pid = os.getpid()
    while pid in everything and pid not in ancestry:
        ancestry.add(pid)
        pid = everything[pid].parent
    return ancestry


def _read_stat(pid: int) -> tuple[int, str, int] | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return None
    fields = text[text.rindex(")") + 2 :].split()
    return int(fields[1]), fields[0], int(fields[19])


def _read_words(path: str) -> tuple[str, ...]:
    try:
        text = Path(path).read_text(errors="replace")
    except OSError:
        return ()
    return tuple(word for word in text.split("\0") if word)
