"""What a fault may leave behind on a node, in one look."""

from __future__ import annotations

import contextlib
import hashlib
import os
import pwd
import time
from pathlib import Path
from typing import Any

from sage_lab.faults.on_node import lease, network_faults, processes
from sage_lab.faults.on_node.environment_faults import STALE
from sage_lab.faults.on_node.sockets import listeners
from sage_lab.faults.on_node.ssh_faults import PORT

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
        "strangers": _strangers(),
        "free": disk.f_bavail * disk.f_frsize + sum(bytes_below(own, place) for own in _RAYS_OWN),
        "clock": time.time(),
        "files": {path: _digest(Path(path)) for path in WATCHED},
        "leftovers": _leftovers(),
        "process_limit": _process_limit(),
        "sshd": bool(listeners(PORT)),
    }


def _legacy_tables() -> list[str]:
    return sorted(line for name in ("ip_tables_names", "ip6_tables_names") for line in _lines(f"/proc/net/{name}"))


def _stopped() -> list[str]:
    found = []
    for pid in processes.everyone():
        if processes.state(pid, processes.start_time(pid)) == "T":
            found.append(f"{pid} {' '.join(processes.arguments(pid))[:80]}")
    return sorted(found)


def _strangers() -> dict[str, str]:
    """Processes of others than the cluster's user, by pid and start time; this one and its parents left out."""
    mine = pwd.getpwnam(processes.USER).pw_uid
    own = {os.getpid(), os.getppid(), 0}
    found = {}
    for pid in processes.everyone():
        start = processes.start_time(pid)
        words = processes.arguments(pid)
        # A login's own process is sshd's and comes and goes, and so do udev's workers and others of systemd.
        ours = processes.owner(pid) == mine or pid in own or is_of_systemd(_lines(f"/proc/{pid}/cgroup"))
        if not ours and processes.state(pid, start) and words != [""] and not words[0].startswith("sshd:"):
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


def is_of_systemd(control_groups: list[str]) -> bool:
    """Whether a process with these lines in /proc/PID/cgroup runs in a service of systemd itself."""
    return any("/system.slice/systemd-" in line for line in control_groups)


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


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace").splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return []
