"""Is this machine fit for a lab, and if not, the exact fix."""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from sage_lab.doctor.finding import Finding
from sage_lab.errors import LabError, MissingProgramError
from sage_lab.machine import cgroups, commands, kernel
from sage_lab.state import home, leftovers
from sage_lab.topology import GIB, MIB, Topology

# Ray 2.60 takes 0.6 GiB on a head with its dashboard and 0.2 GiB on a worker; the rest is for small tasks.
HEAD_MEMORY = GIB
WORKER_MEMORY = 320 * MIB
STATE_SIZE = 200 * MIB


def examine(topology: Topology) -> list[Finding]:
    """What a container lab of this topology needs of this machine; changes nothing on it."""
    findings = [_root()]
    findings += [_program(program, package) for program, package in commands.PACKAGES.items()]
    if findings[0].good:
        findings += [
            _attempt("overlay file system", _try_overlay, "modprobe overlay"),
            _attempt("network namespaces, bridge, veth", _try_network, "modprobe -a bridge veth"),
            _attempt("nftables in the kernel", _try_nftables, "modprobe nf_tables"),
        ]
    findings += [_controllers(), _memory(topology, available_memory()), _disk(), _leftovers()]
    return findings


def fit(findings: Sequence[Finding]) -> bool:
    """Whether a container lab can be built: nothing of its group failed."""
    return all(finding.good for finding in findings if finding.group == "container lab")


def available_memory() -> int:
    """Memory in bytes that new processes can get without swapping."""
    lines = Path("/proc/meminfo").read_text(encoding="utf-8").splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("MemAvailable:"))) * 1024


def _lab(check: str, good: bool, found: str, fix: str) -> Finding:
    return Finding("container lab", check, good, found, "" if good else fix)


def _root() -> Finding:
    user = os.geteuid()
    return _lab("root", user == 0, f"user {user}", "run the lab's commands with sudo")


def _program(program: str, package: str) -> Finding:
    try:
        found, good = commands.find(program), True
    except MissingProgramError:
        found, good = "not installed", False
    return _lab(program, good, found, f"apt-get install {package}")


def _attempt(check: str, attempt: Callable[[], None], fix: str) -> Finding:
    """Try it in a thread with namespaces of its own, which vanish with it."""
    errors: list[Exception] = []

    def body() -> None:
        try:
            kernel.unshare(kernel.CLONE_NEWNS)
            kernel.mount("none", Path("/"), flags=kernel.MS_REC | kernel.MS_SLAVE)
            kernel.unshare(kernel.CLONE_NEWNET)
            attempt()
        except (OSError, LabError) as error:
            errors.append(error)

    thread = threading.Thread(target=body, name="sage-lab-doctor")
    thread.start()
    thread.join()
    return _lab(check, not errors, str(errors[0]) if errors else "tried, works", fix)


def _try_overlay() -> None:
    with tempfile.TemporaryDirectory(prefix="sage-lab-doctor-") as name:
        directory = Path(name)
        kernel.mount("tmpfs", directory, "tmpfs", options="size=1m")
        try:
            for part in ("upper", "work", "merged"):
                (directory / part).mkdir()
            (directory / "upper" / "home").mkdir()
            os.setxattr(directory / "upper" / "home", "trusted.overlay.opaque", b"y")
            layers = f"lowerdir=/,upperdir={directory}/upper,workdir={directory}/work"
            kernel.mount("overlay", directory / "merged", "overlay", options=layers)
            kernel.umount(directory / "merged")
        finally:
            kernel.umount(directory, kernel.MNT_DETACH)


def _try_network() -> None:
    commands.run(["ip", "link", "add", "name", "control", "type", "bridge"])
    commands.run(["ip", "link", "add", "name", "port", "type", "veth", "peer", "name", "control0"])


def _try_nftables() -> None:
    commands.run(["nft", "add", "table", "inet", "sage-lab-doctor"])


def _controllers() -> Finding:
    wanted = {"memory", "pids", "freezer"}
    found: set[str] = set()
    for tree in cgroups.trees():
        if (tree / "cgroup.controllers").exists():
            found.update((tree / "cgroup.controllers").read_text(encoding="utf-8").split())
            # Version 2 has no freezer controller: every group can be frozen.
            found.update({"freezer"} if found & {"memory", "pids"} else ())
        found.update(tree.name.split(",") if tree.name != "unified" else ())
    missing = sorted(wanted - found)
    return _lab(
        "control groups",
        not missing,
        f"without {', '.join(missing)}" if missing else "memory, pids, freezer",
        "boot with 'cgroup_enable=memory' on the kernel's command line",
    )


def _memory(topology: Topology, available: int) -> Finding:
    workers = topology.workers + len(topology.spares)  # a spare may become a worker
    needed = HEAD_MEMORY + workers * WORKER_MEMORY
    most = max(0, (available - HEAD_MEMORY) // WORKER_MEMORY)
    return _lab(
        "memory",
        available >= needed,
        f"{available / GIB:.1f} GiB available, {needed / GIB:.1f} GiB needed for {workers} workers and spares",
        f"end other programs, or use fewer workers and spares: at most {most} together",
    )


def _disk() -> Finding:
    place = home()
    while not place.exists():
        place = place.parent
    state = os.statvfs(place)
    free = state.f_bavail * state.f_frsize
    return _lab(
        "disk",
        free >= STATE_SIZE,
        f"{free / GIB:.1f} GiB free at {place}; the nodes' disks lie in memory",
        f"free {STATE_SIZE // MIB} MiB there, or set SAGE_LAB_HOME to another place",
    )


def _leftovers() -> Finding:
    left = leftovers()
    return _lab(
        "leftovers",
        not left,
        f"unfinished labs: {', '.join(left)}" if left else "none",
        "; ".join(f"sage-lab sweep --name {name}" for name in left),
    )
