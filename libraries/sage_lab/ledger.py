"""What a lab made, on disk before it is made, so that a sweep can undo it after any end.

The ledger is a file of JSON lines, ``{"kind": ..., "target": ...}``, each synced before the thing itself is
made. Undoing goes backwards. A thing that was never made counts as undone; one that cannot be removed is an
error that names it, and the ledger stays. Whoever makes a kind of thing says in the same file how it is undone.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from sage_lab.errors import LedgerError, SweepError


class Left(str):
    """What an undo could not undo because the machine it is on is gone, in words for a person."""

    __slots__ = ()


Undo = Callable[[str], bool | Left]
"""Remove the target; True when there was something to remove; raises OSError or LabError when it stays.

Every undo may be repeated and may find nothing.
"""
AnUndo = TypeVar("AnUndo", bound=Undo)
UNDOERS: dict[str, Undo] = {}


def undoes(kind: str) -> Callable[[AnUndo], AnUndo]:
    """Register the function below as what undoes this kind of thing; each kind has one."""

    def register(undo: AnUndo) -> AnUndo:
        UNDOERS[kind] = undo
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
        """Write the intent to disk; make the thing only after this has returned."""
        line = json.dumps({"kind": kind, "target": str(target)}) + "\n"
        with self._lock:
            descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                os.write(descriptor, line.encode())
                os.fsync(descriptor)
            finally:
                os.close(descriptor)

    def entries(self) -> list[Entry]:
        """All entries in the order they were written; none when there is no ledger.

        The last line may be cut off by the writer's death: then what it announced was not made, and it is
        left out. Any other unreadable line raises LedgerError.
        """
        try:
            lines = self.path.read_text(encoding="utf-8").splitlines(keepends=True)
        except FileNotFoundError:
            return []
        if lines and not lines[-1].endswith("\n"):
            lines.pop()
        return [self._parse(number, line) for number, line in enumerate(lines, start=1)]

    def undo(self, undoers: Mapping[str, Undo] = UNDOERS) -> list[str]:
        """Undo all entries, the last first; returns what was there and is gone now, and what was ``Left``.

        Goes on after a failure and raises one SweepError that names everything that stayed.
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
            try:
                if answer := undoers[entry.kind](entry.target):
                    removed.append(answer if isinstance(answer, Left) else str(entry))
            except (OSError, SweepError) as error:
                stayed.append(f"{entry}: {error}")
        if stayed:
            raise SweepError(
                "could not be removed:\n  " + "\n  ".join(stayed),
                where=str(self.path),
                fix="end what uses them, then run 'sage-lab sweep' again",
            )
        return removed

    def _parse(self, number: int, line: str) -> Entry:
        try:
            content = json.loads(line)
            return Entry(str(content["kind"]), str(content["target"]))
        except (ValueError, KeyError, TypeError) as error:
            raise LedgerError(
                f"line {number} is no ledger entry: {line.strip()!r}",
                where=str(self.path),
                fix="remove that line by hand, then run 'sage-lab sweep' again",
            ) from error
