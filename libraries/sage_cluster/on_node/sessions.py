"""Which processes on this node belong to the Ray sessions below one temporary directory, and whose they are.

A process of this user belongs to a session when it is one of Ray's own programs and names the session's directory, or
the node id of such a process, in one of Ray's options; when it carries the pid of such a raylet, or was started by
`sage-cluster` for this directory (environment variables that children inherit); or when it descends from one of these.
A command line that merely mentions Ray, that of a log reader say, does not belong, and neither does another user's Ray.
"""

from __future__ import annotations

import os
import pwd
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sage_cluster.on_node.errors import CannotError
from sage_cluster.on_node.processes import ProcessStat, all_processes, owner, read_words

COOKIE = "SAGE_CLUSTER_TEMP_DIR"
SESSION_NAME = "session_[0-9][0-9][0-9][0-9]-[0-9]*_*_*_[0-9]*"  # session_2026-11-22_16-29-35_019379_4804
SESSION_OPTIONS = ("--session-dir", "--logs-dir", "--log-dir", "--raylet-socket-name")
OTHER = "other"
SERVER_ROLES = {"raylet": "raylet", "gcs_server": "gcs"}
NAMING = {OTHER, *SERVER_ROLES.values()}
"""Roles to which a node id adds nothing: Ray's servers name their session themselves."""
SCRIPT_ROLES = {
    "/ray/dashboard/dashboard.py": "dashboard",
    "/ray/_private/log_monitor.py": "log_monitor",
    "/ray/autoscaler/_private/monitor.py": "autoscaler",
    "ray.util.client.server": "client_server",
}
"""The scripts and modules that Ray runs with Python, by the end of the word that names them."""


class ForeignRayError(CannotError):
    """The Ray of another user runs in this directory, and was left alone; the message names a process and the user."""


@dataclass(frozen=True)
class Process(ProcessStat):
    """A process of a session. ``role`` is "other" where it is none of Ray's own programs; what is not told is empty."""

    role: str
    session: str
    node_id: str
    address: str
    gcs_address: str
    words: tuple[str, ...]
    environ: tuple[str, ...]


def session_processes(temp_dir: str) -> list[Process]:
    """All processes of this user's sessions below ``temp_dir``, the raylet and the GCS first."""
    return find_processes(temp_dir)[0]


def find_processes(temp_dir: str) -> tuple[list[Process], list[Process]]:
    """As `session_processes`, and beside them Ray's own processes of other users' sessions there."""
    everything = {process.pid: process for process in _readable_processes(temp_dir)}
    me = os.geteuid()
    named = [p for p in everything.values() if p.session]
    found = {p.pid for p in named if owner(p.pid) == me}
    foreign = [p for p in named if p.pid not in found and owner(p.pid) != -1]
    node_ids = {everything[pid].node_id for pid in found} - {""}
    marks = {f"RAY_RAYLET_PID={pid}" for pid in found if everything[pid].role == "raylet"} | {f"{COOKIE}={temp_dir}"}
    found |= {
        p.pid
        for p in everything.values()
        if ((p.node_id in node_ids and p.role not in NAMING) or not marks.isdisjoint(p.environ)) and owner(p.pid) == me
    }
    while True:
        children = {p.pid for p in everything.values() if p.parent in found and p.pid not in found}
        children = {pid for pid in children if me in (0, owner(pid))}
        if not children:
            break
        found |= children
    found -= _own_ancestry(everything)
    order = {"raylet": 0, "gcs": 1}
    return sorted((everything[pid] for pid in found), key=lambda p: (order.get(p.role, 2), p.pid)), foreign


def refuse_foreign(foreign: Sequence[Process], temp_dir: str) -> None:
    """Raise ForeignRayError when there are any: see `find_processes`."""
    if foreign:
        first = foreign[0]
        raise ForeignRayError(
            f"the Ray of user {user_name(owner(first.pid))} runs in {temp_dir} ({first.role}, process {first.pid}) and "
            "was left alone; give this cluster a temp_dir of its own"
        )


def user_name(uid: int) -> str:
    """A user's name in quotes; the uid where it has none."""
    try:
        return f"'{pwd.getpwuid(uid).pw_name}'"
    except KeyError:
        return str(uid)


def is_own(path: Path) -> bool:
    """Whether a file or directory is there and this user's; a link counts as itself."""
    try:
        return path.lstat().st_uid == os.geteuid()
    except OSError:
        return False


def session_directories(temp_dir: str) -> list[Path]:
    """This user's session directories below ``temp_dir``; links are not followed."""
    try:
        return sorted(p for p in Path(temp_dir).glob(SESSION_NAME) if is_own(p) and p.is_dir() and not p.is_symlink())
    except PermissionError:
        return []  # what lies where this user may not look is not this user's


def remove_sessions(temp_dir: str, log_dir: str, keep: int) -> list[str]:
    """Delete every session directory of this user below ``temp_dir``, its logs moved to ``log_dir`` first.

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
        if is_own(leftover) and (leftover.is_symlink() or leftover.is_file()):
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
    for process in all_processes():
        words = read_words(process.pid, "cmdline")
        if not words:
            continue
        role, options = _role(words), _options(words)
        session = ""
        for name in SESSION_OPTIONS if role != OTHER else ():
            value = options.get(name, "")
            if value.startswith(marker):
                session = value[len(temp_dir.rstrip("/")) + 1 :].split("/", 1)[0]
        processes.append(
            Process(
                **vars(process),
                role=role,
                session=session,
                node_id=options.get("--node-id", ""),
                address=options.get("--node-ip-address", ""),
                gcs_address=options.get("--gcs-address", ""),
                words=words,
                environ=read_words(process.pid, "environ"),
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
    """Which of Ray's own programs it is: a server, a script of Ray's package, or an agent by its title."""
    program = Path(words[0]).name
    if program.startswith("python"):
        scripts = (role for word in words[1:5] for end, role in SCRIPT_ROLES.items() if word.endswith(end))
        return next(scripts, OTHER)
    if words[0].startswith("ray::") and "Agent" in words[0]:
        return "agent"
    return SERVER_ROLES.get(program, OTHER)


def _own_ancestry(everything: dict[int, Process]) -> set[int]:
    ancestry = set()
    pid = os.getpid()
    while pid in everything and pid not in ancestry:
        ancestry.add(pid)
        pid = everything[pid].parent
    return ancestry
