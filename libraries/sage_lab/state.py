"""Where labs keep their state on this machine, what labs there are, and how one is swept."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from sage_lab.errors import LabNameError, SweepError
from sage_lab.ledger import Ledger, undoes
from sage_lab.machine import kernel, lock
from sage_lab.machine.namespaces import NETWORKS, on_host

HOME = Path("/var/lib/sage-lab")
DESCRIPTION = "lab.json"
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?")


def home() -> Path:
    """Where labs keep their state: $SAGE_LAB_HOME, or /var/lib/sage-lab, or ~/.local/state/sage-lab of a user."""
    own = HOME if os.geteuid() == 0 else Path("~/.local/state/sage-lab").expanduser()
    return Path(os.environ.get("SAGE_LAB_HOME") or own).resolve()


def default_name() -> str:
    """The lab's name when none is given: $SAGE_LAB, or one that belongs to this Python environment."""
    return os.environ.get("SAGE_LAB") or f"lab-{hashlib.sha256(sys.prefix.encode()).hexdigest()[:6]}"


def sweep(name: str | None = None) -> list[str]:
    """Undo all that the lab's ledger owns, whatever state the lab is in.

    Returns what was removed, nothing when nothing was there; raises SweepError naming what stayed.
    """
    directory = directory_of(name)
    if not directory.exists() and not directory.with_suffix(".lock").exists():
        return []
    if directory.exists() and (owner := directory.stat().st_uid) != os.geteuid():
        raise SweepError(
            f"the lab belongs to user {owner}, and this is user {os.geteuid()}",
            where=str(directory),
            fix="run the command as the user who made the lab",
        )
    with locked(directory):
        return _outside(directory)(lambda: undo_all(directory))


def names() -> list[str]:
    """The names of all labs that have state on this machine, complete or not."""
    if not home().is_dir():
        return []
    return sorted(path.name for path in home().iterdir() if path.is_dir() and _NAME.fullmatch(path.name))


def leftovers() -> list[str]:
    """The names of labs half-made, half-removed or ended by a reboot, that nobody works on now."""
    locks = {path.stem for path in home().glob("*.lock")}
    return [
        name
        for name in sorted(locks | set(names()))
        if not _is_complete(name) and not lock.is_held(home() / f"{name}.lock")
    ]


def _is_complete(name: str) -> bool:
    description = read_description(home() / name)
    if description is None:
        return False
    # A reboot ends containers, and leaves other machines where they are.
    return description.get("provider") != "container" or on_host((NETWORKS / name).exists)


def _outside(directory: Path) -> Callable[[Callable[[], list[str]]], list[str]]:
    """Where a lab is undone: containers in the machine's own namespaces, machines from where they are reached."""
    description = read_description(directory) or {}
    return (lambda work: work()) if description.get("provider") == "static" else on_host


def directory_of(name: str | None) -> Path:
    """The directory of a lab, there or not; raises LabNameError."""
    wanted = default_name() if name is None else name
    if not _NAME.fullmatch(wanted):
        raise LabNameError(
            f"{wanted!r} cannot be a lab's name",
            where="lab",
            fix="use up to 32 small letters, digits and hyphens",
        )
    return home() / wanted


@contextlib.contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Be the only one that builds or removes the lab; raises LabBusyError."""
    try:
        with lock.hold(directory.with_suffix(".lock")):
            yield
    finally:
        with contextlib.suppress(OSError):  # other labs live there, or another caller was faster
            home().rmdir()


def undo_all(directory: Path) -> list[str]:
    """Sweep the lab, by the holder of its lock and in the machine's own namespaces."""
    removed = Ledger(directory).undo()
    # Without an entry in it: whoever made the directory was killed before the ledger had its first line.
    if directory.exists():
        remove_directory(str(directory))
    return removed


@undoes("directory", owns=lambda lab, target: target == str(lab))
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


def read_description(directory: Path) -> dict[str, Any] | None:
    """What a complete lab says of itself; nothing when it is not complete, or cannot be read."""
    try:
        content = json.loads((directory / DESCRIPTION).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) and "topology" in content else None


def write_description(directory: Path, description: dict[str, object]) -> None:
    """Written last and at once: a lab with a description is complete."""
    path = directory / DESCRIPTION
    scratch = path.with_suffix(".new")
    scratch.write_text(json.dumps(description, indent=1) + "\n", encoding="utf-8")
    scratch.replace(path)
