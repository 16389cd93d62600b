"""What a lab made, on disk before it is made, so that a sweep can undo it after any end.

The ledger is a file of JSON lines, ``{"kind": ..., "target": ...}``, each synced before the thing itself is
made. Undoing goes backwards. A thing that was never made counts as undone; one that cannot be removed is an
error that names it, and the ledger stays. Whoever makes a kind of thing says in the same file how it is undone.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import stat
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, TypeVar

from sage_lab.errors import LabError, LedgerError, SweepError


class Left(str):
    """What an undo could not undo because the machine it is on is gone, in words for a person."""

    __slots__ = ()


Undo = Callable[[str], bool | Left]
"""Remove the target; True when there was something to remove; raises OSError or LabError when it stays.

Every undo may be repeated and may find nothing.
"""
Owns = Callable[[Path, str], bool]
"""Whether a lab with this directory, which is called as the lab, can own the target; judged by the names alone."""
AnUndo = TypeVar("AnUndo", bound=Undo)


class Undoer(NamedTuple):
    """How a kind of thing is undone, and which of that kind a lab can own."""

    undo: Undo
    owns: Owns


UNDOERS: dict[str, Undoer] = {}


def undoes(kind: str, owns: Owns) -> Callable[[AnUndo], AnUndo]:
    """Register the function below as what undoes this kind of thing; each kind has one."""

    def register(undo: AnUndo) -> AnUndo:
        UNDOERS[kind] = Undoer(undo, owns)
        return undo

    return register


@dataclass(frozen=True)
class Entry:
    """One thing of the lab: its kind, and the path or name by which its undo finds it."""

    kind: str
    target: str

    def __str__(self) -> str:
        return f"{self.kind} {self.target}"


class Ledger:
    """The ledger file of one lab."""

    FILE = "ledger.jsonl"

    def __init__(self, directory: Path) -> None:
        self.path = directory / self.FILE
        self._lock = threading.Lock()

    def record(self, kind: str, target: str | Path) -> None:
        """Write the intent to disk; make the thing only after this has returned. Raises LedgerError."""
        line = json.dumps({"kind": kind, "target": str(target)}) + "\n"
        with self._lock, self._open(os.O_RDWR | os.O_CREAT) as descriptor:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            # What a writer began and did not end (killed, or no room) would spoil the line after it.
            whole = os.pread(descriptor, os.fstat(descriptor).st_size, 0).rfind(b"\n") + 1
            os.ftruncate(descriptor, whole)
            written = 0
            try:
                written = os.pwrite(descriptor, line.encode(), whole)
                os.fsync(descriptor)
            finally:
                if written < len(line):
                    os.ftruncate(descriptor, whole)
            if written < len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def entries(self) -> list[Entry]:
        """All entries in the order they were written; none when there is no ledger.

        The last line may be cut off by the writer's death: then what it announced was not made, and it is
        left out. Any other unreadable line raises LedgerError, and so does a ledger that is somebody else's.
        """
        try:
            with self._open(os.O_RDONLY) as descriptor:
                content = os.pread(descriptor, os.fstat(descriptor).st_size, 0)
        except FileNotFoundError:
            return []
        lines = content.split(b"\n")[:-1]
        return [self._parse(number, line) for number, line in enumerate(lines, start=1)]

    def undo(self, undoers: Mapping[str, Undoer] = UNDOERS) -> list[str]:
        """Undo all entries, the last first; returns what was there and is gone now, and what was ``Left``.

        Goes on after a failure and raises one SweepError that names everything that stayed. The directory of the
        ledger stays with them, so that a sweep can be tried again.
        """
        removed: list[str] = []
        stayed: list[str] = []
        done: set[Entry] = set()
        for entry in reversed(self.entries()):
            if entry in done:
                continue
            done.add(entry)
            if entry.kind not in undoers:
                stayed.append(f"{entry}: nobody knows how to undo this kind")
                continue
            undoer = undoers[entry.kind]
            if not undoer.owns(self.path.parent, entry.target):
                stayed.append(f"{entry}: a lab of this name cannot own that, it was left alone")
                continue
            if stayed and entry.target == str(self.path.parent):
                continue
            try:
                if answer := undoer.undo(entry.target):
                    removed.append(answer if isinstance(answer, Left) else str(entry))
            except (OSError, LabError) as error:
                stayed.append(f"{entry}: {error}")
        if stayed:
            raise SweepError(
                "could not be removed:\n  " + "\n  ".join(stayed),
                where=str(self.path),
                fix="end what uses them, then run 'sage-lab sweep' again",
            )
        return removed

    @contextlib.contextmanager
    def _open(self, flags: int) -> Iterator[int]:
        """The ledger's descriptor; raises LedgerError unless it is a file of the caller's own, or FileNotFoundError."""
        try:
            descriptor = os.open(self.path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o600)
            try:
                self._check(os.fstat(descriptor))
                yield descriptor
            finally:
                os.close(descriptor)
        except FileNotFoundError:
            raise
        except OSError as error:
            raise LedgerError(
                f"the ledger cannot be read or written: {error.strerror}",
                where=str(self.path),
                fix="make room on that disk, or see what is there in the ledger's place; then try again",
            ) from error

    def _check(self, found: os.stat_result) -> None:
        if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o022:
            raise LedgerError(
                f"the ledger is not trusted: it belongs to user {found.st_uid} and has mode {found.st_mode:o}",
                where=str(self.path),
                fix=f"run the command as the user who made the lab and alone may write it; this is user {os.geteuid()}",
            )

    def _parse(self, number: int, line: bytes) -> Entry:
        try:
            content = json.loads(line)
            kind, target = content["kind"], content["target"]
            usable = isinstance(kind, str) and b"\0" not in os.fsencode(target)
        except (ValueError, KeyError, TypeError, RecursionError):
            usable = False
        if not usable:
            raise LedgerError(
                f"line {number} is no ledger entry: {line[:200]!r}",
                where=str(self.path),
                fix="remove that line by hand, then run 'sage-lab sweep' again",
            )
        return Entry(kind, target)
