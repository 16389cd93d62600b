"""The control groups of a lab, under cgroup v1 (one tree per controller) and v2 (one tree)."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import time
from pathlib import Path

from sage_lab.errors import LabNameError, SweepError
from sage_lab.ledger import Ledger, undoes
from sage_lab.machine import commands, lock

ROOT = "sage-lab"
_DEADLINE = 10.0
_POLL = 0.01


def trees() -> list[Path]:
    """The mount points of all control group trees."""
    found: list[Path] = []
    for line in Path("/proc/thread-self/mountinfo").read_text(encoding="utf-8").splitlines():
        fields, _, rest = line.partition(" - ")
        if rest.split()[0] in {"cgroup", "cgroup2"}:
            found.append(Path(fields.split()[4]))
    return found


def claim(name: str, ledger: Ledger) -> None:
    """Make the group in every tree; the limits are set by the runtime, on the groups below.

    Raises LabNameError when the group is there already: then it is not this lab's, and nothing is recorded.
    """
    with lock.machine():
        if any((tree / name).exists() for tree in trees()):
            raise LabNameError(
                "another lab has this name, with its state in another directory",
                where=f"control group {name}",
                fix="choose another --name, or use the SAGE_LAB_HOME of that lab",
            )
        ledger.record("cgroup", name)
        for tree in trees():
            (tree / name).mkdir(parents=True)


@undoes("cgroup", owns=lambda lab, target: target == f"{ROOT}/{lab.name}")
def remove(name: str) -> bool:
    """Kill every process in the group (paused ones too), wait until they are gone, and remove the group.

    Raises SweepError that names the processes left after the deadline.
    """
    groups = [tree / name for tree in trees() if (tree / name).is_dir()]
    until = time.monotonic() + _DEADLINE
    while processes := _processes(groups):
        if time.monotonic() >= until:
            raise SweepError(f"processes {sorted(processes)} do not end", where=name, fix="see their state in ps")
        for process in processes:
            _kill(process, name)
        _thaw(groups)
        time.sleep(_POLL)
    for group in groups:
        for path in [*_below(group), group]:
            _rmdir(path, until)
    with lock.machine():
        _remove_empty_root()
    return bool(groups)


def kill_process_group(process: int, name: str) -> None:
    """Kill a process of the group and the process group that it leads; it may have ended already."""
    with contextlib.suppress(ProcessLookupError, FileNotFoundError):
        member = f"/{name}" in Path(f"/proc/{process}/cgroup").read_text(encoding="utf-8")
        if member and os.getpgid(process) == process:
            os.killpg(process, signal.SIGKILL)


def limit_processes(name: str, most: int) -> None:
    """Let the group have at most so many processes and threads; those that are there stay."""
    for tree in trees():
        limit = tree / name / "pids.max"
        if limit.exists():
            limit.write_text(f"{most}\n", encoding="utf-8")


def group_of(process: int) -> str:
    """The group of a process that bounds its memory; nothing when there is no such process."""
    try:
        lines = Path(f"/proc/{process}/cgroup").read_text(encoding="utf-8").splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return ""
    groups = {controllers: path.lstrip("/") for _, controllers, path in (line.split(":", 2) for line in lines)}
    return next(
        (path for controllers, path in groups.items() if "memory" in controllers.split(",")), groups.get("", "")
    )


def usage(name: str) -> tuple[int, int]:
    """Memory in use and its limit in bytes; zeros when the group is not there."""
    for tree in trees():
        for used, limit in (
            ("memory.usage_in_bytes", "memory.limit_in_bytes"),
            ("memory.current", "memory.max"),
        ):
            group = tree / name
            if (group / used).exists():
                bound = (group / limit).read_text(encoding="utf-8").strip()
                return int((group / used).read_text(encoding="utf-8")), 0 if bound == "max" else int(bound)
    return 0, 0


def _below(group: Path) -> list[Path]:
    """The groups below, the deepest first."""
    return [Path(path) for path, _, _ in os.walk(group, topdown=False) if Path(path) != group]


def _kill(process: int, name: str) -> None:
    """Kill the process if it is in the group still: its number may be another's by now."""
    handle = commands.open_process(process)
    if handle is None:
        return
    try:
        with contextlib.suppress(ProcessLookupError, FileNotFoundError):
            if f"/{name}" in Path(f"/proc/{process}/cgroup").read_text(encoding="utf-8"):
                signal.pidfd_send_signal(handle, signal.SIGKILL)
    finally:
        os.close(handle)


def _processes(groups: list[Path]) -> set[int]:
    found: set[int] = set()
    for group in groups:
        for path in [group, *_below(group)]:
            with contextlib.suppress(FileNotFoundError):
                found.update(int(line) for line in (path / "cgroup.procs").read_text().split())
    return found


def _thaw(groups: list[Path]) -> None:
    for group in groups:
        for path in [group, *_below(group)]:
            for file, value in (("freezer.state", "THAWED"), ("cgroup.freeze", "0")):
                if (path / file).exists():
                    (path / file).write_text(value, encoding="utf-8")


def _rmdir(path: Path, until: float) -> None:
    """A group stays busy for a moment after its last process is gone."""
    while True:
        try:
            path.rmdir()
        except FileNotFoundError:
            return
        except OSError as error:
            if error.errno != errno.EBUSY or time.monotonic() >= until:
                raise
            time.sleep(_POLL)
        else:
            return


def _remove_empty_root() -> None:
    """The parent of all labs' groups goes with the last of them."""
    for tree in trees():
        try:
            (tree / ROOT).rmdir()
        except FileNotFoundError:
            continue
        except OSError as error:
            if error.errno not in {errno.EBUSY, errno.ENOTEMPTY}:
                raise
