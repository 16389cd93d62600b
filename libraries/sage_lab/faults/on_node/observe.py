"""What a fault may leave behind on a node, in one look."""

from __future__ import annotations

import contextlib
import hashlib
import os
import pwd
import re
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from sage_lab.faults.on_node import lease, network_faults, processes, sshd
from sage_lab.faults.on_node.environment_faults import STALE
from sage_lab.faults.on_node.sockets import listeners

WATCHED = (
    "/home/sage/.ssh/authorized_keys",
    "/etc/ssh/ssh_host_ed25519_key.pub",
    "/opt/conda/envs/sage/bin/ray",
    "/opt/conda/etc/profile.d/conda.sh",
)
"""Files whose content a fault may change."""
_PLACES = (
    "/home/sage/.ssh",
    "/etc/ssh",
    "/etc/ssh/sshd_config.d",
    "/opt",
    "/opt/conda/envs/sage/bin",
    "/",
    "/tmp",  # noqa: S108 - on the node
    "/var/tmp",  # noqa: S108
    "/tmp/ray",  # noqa: S108
)
_RAYS_OWN = ("/tmp/ray", "/home/sage/.sage/logs")  # noqa: S108 - on the node
_OURS = "sage-fault-"
_STARTS_JOBS = {"cron", "crond", "atd"}
_OF_A_SERVICE = re.compile(r":/(?:init\.scope|system\.slice/(?:[^/]+\.slice/)?(?!sshd?[.@])[^/]+\.service)")


def observe(_: dict[str, Any]) -> dict[str, Any]:
    """Tables, queues, mounts, processes, free bytes, the clock in seconds, watched files, and faults' own files.

    What Ray's sessions and saved logs take of the disk counts as free: a fault has not left it.
    """
    place = "/var/tmp"  # noqa: S108 - of the node, whose root itself may be read-only
    disk = os.statvfs(place)
    return {
        "tables": network_faults.tables(),
        "legacy_tables": _legacy_tables(),
        "queues": network_faults.all_queues(),
        "mounts": sorted(line.split()[4] for line in _lines("/proc/self/mountinfo")),
        "stopped": _stopped(),
        "foreign": _foreign(),
        "free": disk.f_bavail * disk.f_frsize + sum(bytes_below(own, place) for own in _RAYS_OWN),
        "clock": time.time(),
        "files": {path: _digest(Path(path)) for path in WATCHED},
        "leftovers": _leftovers(),
        "process_limit": _process_limit(),
        "sshd": bool(listeners(sshd.PORT)),
    }


def _legacy_tables() -> list[str]:
    return sorted(line for name in ("ip_tables_names", "ip6_tables_names") for line in _lines(f"/proc/net/{name}"))


def _stopped() -> list[str]:
    found = []
    for pid in processes.everyone():
        if processes.state(pid, processes.start_time(pid)) == "T":
            found.append(f"{pid} {' '.join(processes.arguments(pid))[:80]}")
    return sorted(found)


def cluster_processes(_: dict[str, Any]) -> dict[str, Any]:
    """``processes``: pid and program of each process of the cluster's user, without SSH's own and who asks."""
    user = pwd.getpwnam(processes.USER).pw_uid
    others = sshd.own_processes() | set(processes.ancestors(os.getpid()))
    found = [
        [pid, _line(f"/proc/{pid}/comm")]
        for pid in processes.everyone()
        if pid not in others and processes.owner(pid) == user and processes.state(pid, processes.start_time(pid))
    ]
    return {"processes": sorted(found)}


def _foreign() -> dict[str, str]:
    """Processes by pid and start time that are neither the cluster user's nor the system's own, nor this one."""
    user = pwd.getpwnam(processes.USER).pw_uid
    known = sshd.own_processes() | set(processes.ancestors(os.getpid()))
    found = {}
    for pid in processes.everyone():
        start, words = processes.start_time(pid), processes.arguments(pid)
        kernels = words == [""]
        if pid in known or kernels or processes.owner(pid) == user or not processes.state(pid, start):
            continue
        if not is_of_the_system(_lines(f"/proc/{pid}/cgroup"), map(processes.executable, processes.ancestors(pid))):
            found[f"{pid}.{start}"] = " ".join(words)[:80]
    return found


def bytes_below(directory: str, disk: str) -> int:
    """What the files below a directory take, if it is on the same disk as ``disk``; 0 when it is not there."""
    if not Path(directory).is_dir() or Path(directory).stat().st_dev != Path(disk).stat().st_dev:
        return 0
    taken = 0
    for place, _, files in os.walk(directory):
        for name in files:
            with contextlib.suppress(FileNotFoundError):  # Ray writes and deletes meanwhile
                taken += os.lstat(f"{place}/{name}").st_blocks * 512  # st_blocks counts in 512 bytes, stat(2)
    return taken


def is_of_the_system(control_groups: Iterable[str], programs: Iterable[str]) -> bool:
    """Whether a process comes and goes by the system's own doing, as systemd's, udev's or cron's do.

    ``control_groups`` are the lines of its /proc/PID/cgroup, ``programs`` its own file and those of its ancestors.
    SSH's service is no such one: what a session leaves runs in it where there is no PAM.
    """
    by_systemd = any(_OF_A_SERVICE.search(line) for line in control_groups)
    return by_systemd or any(program.rpartition("/")[2] in _STARTS_JOBS for program in programs)


def _leftovers() -> list[str]:
    found = list(lease.DIRECTORY.iterdir()) if lease.DIRECTORY.is_dir() else []
    for place in map(Path, _PLACES):
        if place.is_dir():
            found += [entry for entry in place.iterdir() if _OURS in entry.name or entry.name == STALE]
    return sorted(str(path) for path in found)


def _process_limit() -> str:
    for path in ("/sys/fs/cgroup/pids/pids.max", "/sys/fs/cgroup/pids.max"):
        if Path(path).exists():
            return Path(path).read_text(encoding="utf-8").strip()
    return ""


def _digest(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except FileNotFoundError:
        return "missing"


def _line(path: str) -> str:
    return next(iter(_lines(path)), "")


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace").splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return []
