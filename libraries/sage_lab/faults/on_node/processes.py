"""Processes of this node by exact identity: pid with start time, owner, and what they were started as."""

from __future__ import annotations

import contextlib
import errno
import os
import pwd
import signal
from collections.abc import Iterator
from pathlib import Path

USER = "sage"
AGENTS = {"ray::DashboardAgent", "ray::RuntimeEnvAgent"}
_GONE = (FileNotFoundError, ProcessLookupError)
# What pidfd_open says of a number that is nobody's, or that of a thread: ENOENT, before Linux 6.9 EINVAL.
NO_PROCESS = {errno.ESRCH, errno.ENOENT, errno.EINVAL}


def arguments(pid: int) -> list[str]:
    """The words that the process was started with, or that it calls itself; none when it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().rstrip(b"\0").decode(errors="replace").split("\0")
    except _GONE:
        return []


def state(pid: int, start: int) -> str:
    """The kernel's letter for the state of that very process; nothing when it has ended."""
    fields = _fields(pid)
    if not fields or int(fields[19]) != start or fields[0] in {"Z", "X"}:
        return ""
    return fields[0]


def start_time(pid: int) -> int:
    """When the process started, in the kernel's ticks; 0 when it is gone."""
    fields = _fields(pid)
    return int(fields[19]) if fields else 0


def processor_seconds(pid: int) -> float:
    """The processor time that the process has used; 0 when it is gone."""
    fields = _fields(pid)
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK") if fields else 0.0


def group_members(group: int) -> list[int]:
    """The processes of a process group."""
    return [pid for pid in everyone() if (fields := _fields(pid)) and int(fields[2]) == group]


def everyone() -> Iterator[int]:
    """Every process of this node."""
    return (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())


def owner(pid: int) -> int:
    """The number of the user who owns the process; -1 when it is gone."""
    try:
        return Path(f"/proc/{pid}").stat().st_uid
    except _GONE:
        return -1


def executable(pid: int) -> str:
    """The file that the process runs, also when it was replaced since; nothing when it has none or is gone.

    Nothing also where the kernel does not let even root look, as at the first process of some virtual machines.
    """
    try:
        return str(Path(f"/proc/{pid}/exe").readlink()).removesuffix(" (deleted)")
    except (*_GONE, PermissionError):
        return ""


def ancestors(pid: int) -> Iterator[int]:
    """The process itself, its parent and so on, up to the node's first process."""
    while pid > 0:
        yield pid
        fields = _fields(pid)
        pid = int(fields[1]) if fields else 0


def find(role: str) -> list[list[int]]:
    """The cluster user's processes of a role (raylet, gcs, dashboard, worker), as ``[pid, start time]`` each."""
    uid = pwd.getpwnam(USER).pw_uid
    found = []
    for pid in everyone():
        start = start_time(pid)
        if owner(pid) == uid and plays(role, arguments(pid)) and state(pid, start):
            found.append([pid, start])
    return sorted(found)


def plays(role: str, words: list[str]) -> bool:
    """Whether a process that was started with these words has that role."""
    if not words:
        return False
    program = words[0].rpartition("/")[2]
    if role == "raylet":
        return program == "raylet"
    if role == "gcs":
        return program == "gcs_server"
    if role == "dashboard":
        script = next((word for word in words[1:] if not word.startswith("-")), "")
        return program.startswith("python") and script.endswith("/ray/dashboard/dashboard.py")
    title = words[0].strip()
    return role == "worker" and title.startswith("ray::") and title not in AGENTS


def send(pid: int, start: int, number: signal.Signals) -> bool:
    """Signal that very process; False when it has ended, whoever has its number now."""
    try:
        handle = os.pidfd_open(pid)
    except OSError as error:
        if error.errno not in NO_PROCESS:
            raise
        return False
    try:
        if start_time(pid) != start:
            return False
        signal.pidfd_send_signal(handle, number)
    except ProcessLookupError:
        return False
    finally:
        os.close(handle)
    return True


def end_group(leader: int, start: int) -> bool:
    """Kill the process group that this very process leads or led; False when nobody is left in it."""
    if start_time(leader) not in {0, start}:
        return False
    left = [pid for pid in group_members(leader) if state(pid, start_time(pid))]
    if left:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(leader, signal.SIGKILL)
    return bool(left)


def _fields(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except _GONE:
        return []
