"""How each kind of thing in the ledger is removed. Every undo may be repeated and may find nothing."""

from __future__ import annotations

import errno
import json
import os
import select
import shutil
import signal
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from sage_lab.errors import CommandTimeoutError, LabError, MachineError, NodeStateError, SweepError
from sage_lab.ledger import Ledger, Left, Undo
from sage_lab.machine import cgroups, commands, kernel, lock
from sage_lab.providers.compose import engine
from sage_lab.providers.vagrant import libvirt

if TYPE_CHECKING:
    from sage_lab.lab import Lab

NETWORKS = Path("/run/netns")
"""Where iproute2 keeps named network namespaces; its first namespace makes this a mount point."""
OURS = Path("/run/sage-lab.netns")
"""There while that mount was made for a lab."""
_UNMOUNT_DEADLINE = 5.0
_POLL = 0.02


def unmount(target: str) -> bool:
    """Unmount every mount at the target; a busy one is given some seconds to become free."""
    point = Path(target)
    found = False
    until = time.monotonic() + _UNMOUNT_DEADLINE
    while point in kernel.mount_points():
        found = True
        try:
            kernel.umount(point)
        except OSError as error:
            if error.errno != errno.EBUSY or time.monotonic() >= until:
                raise
            time.sleep(_POLL)
    return found


def remove_network(name: str) -> bool:
    """Remove a named network namespace, and with it every interface in it."""
    path = NETWORKS / name
    found = path.exists()
    if path in kernel.mount_points():
        kernel.umount(path, kernel.MNT_DETACH)
    path.unlink(missing_ok=True)
    return found


def leave_networks_directory(target: str) -> bool:
    """Undo the mount of the directory of namespaces if a lab caused it and nobody's namespaces are in it."""
    directory = Path(target)
    with lock.machine():
        if not OURS.exists() or (directory.exists() and any(directory.iterdir())):
            return False
        found = unmount(target)
        if directory.exists():
            directory.rmdir()
        OURS.unlink()
    return found


def remove_directory(target: str) -> bool:
    """Remove the lab's directory, its ledger last; refuses while something is mounted below it."""
    directory = Path(target)
    if not directory.exists():
        return False
    mounted = [str(point) for point in kernel.mount_points() if point.is_relative_to(directory)]
    if mounted:
        raise SweepError(f"still mounted below it: {', '.join(mounted)}", where=target, fix="unmount them")
    for entry in os.scandir(directory):
        if entry.name == Ledger.FILE:
            continue
        if entry.is_dir(follow_symlinks=False):
            shutil.rmtree(entry.path)
        else:
            Path(entry.path).unlink()
    (directory / Ledger.FILE).unlink(missing_ok=True)
    directory.rmdir()
    return True


def discard_fault(target: str) -> bool | Left:
    """Forget an active fault; what it did goes with the node that it struck.

    A machine that existed before the lab does not go: there the fault is healed. One that does not answer keeps
    nobody from taking the lab down: the answer says what was left there.
    """
    path = Path(target)
    if not path.exists():
        return False
    left = _heal(path) if _machines_stay(path.parent.parent) else None
    path.unlink(missing_ok=True)
    return left or True


def _machines_stay(lab: Path) -> bool:
    try:
        return bool(json.loads((lab / "lab.json").read_text(encoding="utf-8"))["provider"] == "static")
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _heal(path: Path) -> Left | None:
    """Heal the fault where its machines answer; raises SweepError when that does not succeed."""
    # The faults of a lab are built on the lab, which is built on this: imported here, they make no circle.
    from sage_lab.faults import lease, record  # noqa: PLC0415
    from sage_lab.faults.fault import Fault  # noqa: PLC0415
    from sage_lab.lab import Lab  # noqa: PLC0415

    try:
        what = next(one for one in record.read_all(path.parent.parent) if one.id == path.stem)
        try:
            lab = Lab.attach(path.parent.parent.name)
        except MachineError as error:  # its name is gone too
            return Left(f"'{what.kind}' on {', '.join(what.targets)}: {error.where}: {error.what}")
        gone = [node for node in what.targets if not _answers(lab, node)]
        if rest := tuple(node for node in what.targets if node not in gone):
            Fault(lab, replace(what, targets=rest)).heal()
        lease.stop(lab.directory, what.id)
    except LabError as error:
        raise SweepError(f"the fault is not healed: {error}", where=str(path), fix="heal it by hand") from error
    return Left(f"'{what.kind}' on {', '.join(gone)}: the machine does not answer") if gone else None


def _answers(lab: Lab, node: str) -> bool:
    try:
        lab.run(node, ["true"], user="sage")
    except (NodeStateError, MachineError, CommandTimeoutError):
        return False
    return True


def end_fault_watcher(target: str) -> bool:
    """End the process that would heal a fault, known by ``<pid> <start time> <fault>``; another one has other times."""
    pid, start, _ = target.split()
    handle = commands.open_process(int(pid))
    if handle is None:
        return False
    try:
        if commands.start_time(int(pid)) != int(start):
            return False
        signal.pidfd_send_signal(handle, signal.SIGKILL)
        select.select([handle], [], [], _UNMOUNT_DEADLINE)
    except ProcessLookupError:
        return False
    finally:
        os.close(handle)
    return True


UNDOERS: Mapping[str, Undo] = {
    "directory": remove_directory,
    "mount": unmount,
    "network": remove_network,
    "networks-directory": leave_networks_directory,
    "cgroup": cgroups.remove,
    "libvirt": libvirt.sweep,
    "compose": engine.sweep,
    "fault": discard_fault,
    "fault-watcher": end_fault_watcher,
}
