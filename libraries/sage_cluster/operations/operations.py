"""One operation at a time on a cluster, and a journal of what was done."""

from __future__ import annotations

import fcntl
import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from io import TextIOWrapper
from pathlib import Path
from typing import Any

from sage_cluster.errors import ClusterBusyError, SageError

POLL_SECONDS = 0.1
NAME_SECONDS = 1.0
"""How long a caller that does not wait gives the other to say who it is, so that its refusal can name it."""
JOURNAL_BYTES = 5_000_000
BLOCK_BYTES = 65536


class Operations:
    """The lock and the journal of one cluster; both lie beside its configuration file.

    The lock is the kernel's (flock): it falls with the process that holds it, however that ends.
    """

    def __init__(self, config_path: Path) -> None:
        self._lock_path = config_path.with_name(f".{config_path.name}.operation")
        self.journal_path = config_path.with_name(f"{config_path.stem}.journal.jsonl")
        self._insiders: set[int] = set()

    @contextmanager
    def exclusive(self, operation: str, wait: float = 0.0) -> Iterator[None]:
        """Hold the cluster for an operation.

        Within it the same thread may begin operations that are part of it. Another caller's operation is waited for
        up to ``wait`` seconds. Raises ClusterBusyError, saying which it is, by which process and since when.
        An operation that was torn, because its process was killed, is told to the journal first.
        """
        thread = threading.get_ident()
        if thread in self._insiders:
            yield
            return
        deadline = time.monotonic() + wait
        with self._open_lock() as file:
            while not _try_lock(file):
                holder = self.current()
                # One that is just beginning has not said who it is, one that is just ending says it no more.
                if time.monotonic() >= deadline + (0.0 if holder else NAME_SECONDS):
                    raise self._busy(operation, holder)
                time.sleep(POLL_SECONDS)
            self._tell_torn(_holder_in(file))
            holder = {
                "operation": operation,
                "pid": os.getpid(),
                "start": _start_time(os.getpid()),
                "host": socket.gethostname(),
                "since": _now(),
            }
            file.truncate(0)
            file.write(json.dumps(holder))
            file.flush()
            self.record("begin", operation=operation)
            began = time.monotonic()
            self._insiders.add(thread)
            try:
                yield
            finally:
                self._insiders.discard(thread)
                self.record("end", operation=operation, seconds=round(time.monotonic() - began, 3))
                file.truncate(0)

    @contextmanager
    def joined(self) -> Iterator[None]:
        """Let this thread work within the operation that another thread of this process holds."""
        thread = threading.get_ident()
        self._insiders.add(thread)
        try:
            yield
        finally:
            self._insiders.discard(thread)

    def current(self) -> dict[str, Any] | None:
        """Who operates now: ``operation``, ``pid``, ``host``, ``since``; None when nobody does. Takes no lock."""
        holder = self._holder()
        return holder if holder and _start_time(holder["pid"]) == holder["start"] else None

    def torn(self) -> dict[str, Any] | None:
        """The last operation, as in `current`, when its process ended before it did; None once another began."""
        holder = self._holder()
        return holder if holder and _start_time(holder["pid"]) != holder["start"] else None

    def record(self, event: str, **details: Any) -> None:  # noqa: ANN401
        """Append one event to the journal: wall and monotonic time, process, and the details."""
        entry = {"time": _now(), "monotonic": time.monotonic(), "pid": os.getpid(), "event": event, **details}
        if self.journal_path.exists() and self.journal_path.stat().st_size > JOURNAL_BYTES:
            self.journal_path.replace(self.journal_path.with_suffix(".old.jsonl"))
        with self.journal_path.open("a+b") as file:
            # A writer that was killed may have left half a line; this event gets a line of its own.
            whole = True
            if file.tell():
                file.seek(-1, os.SEEK_END)
                whole = file.read(1) == b"\n"
            file.write((b"" if whole else b"\n") + json.dumps(entry, default=str).encode() + b"\n")

    def journal(self, last: int = 100) -> list[dict[str, Any]]:
        """The newest ``last`` events, oldest first. A line cut short by a crash is passed over."""
        if not self.journal_path.exists():
            return []
        events = []
        for line in _last_lines(self.journal_path, last):
            try:
                events.append(json.loads(line))
            except ValueError:
                continue
        return events

    def _holder(self) -> dict[str, Any] | None:
        try:
            with self._lock_path.open(encoding="utf-8") as file:
                return _holder_in(file)
        except FileNotFoundError:
            return None

    def _tell_torn(self, holder: dict[str, Any] | None) -> None:
        if holder:
            reason = f"an operation of process {holder['pid']} did not end"
            self.record("torn", operation=holder["operation"], since=holder["since"], reason=reason)

    def _open_lock(self) -> TextIOWrapper:
        try:
            self._lock_path.parent.mkdir(parents=True, exist_ok=True)
            return self._lock_path.open("a+", encoding="utf-8")
        except OSError as error:
            raise SageError(
                f"the cluster's lock cannot be opened: {error.strerror}",
                where=str(self._lock_path),
                fix="let this user write beside the configuration file",
            ) from error

    def _busy(self, operation: str, holder: dict[str, Any] | None) -> ClusterBusyError:
        by = "another operation, which does not say whose it is"
        if holder:
            by = f"'{holder['operation']}' by process {holder['pid']} on {holder['host']} since {holder['since']}"
        return ClusterBusyError(
            f"cannot {operation}: the cluster is busy with {by}",
            where=str(self._lock_path),
            fix="wait for it (--wait SECONDS, or wait= in Python), or end that process; a dead one does not block",
        )


def _try_lock(file: TextIOWrapper) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _holder_in(file: TextIOWrapper) -> dict[str, Any] | None:
    """What the lock's file says; None while an operation is just beginning or ending, or none was torn."""
    file.seek(0)
    try:
        holder: dict[str, Any] = json.loads(file.read())
    except ValueError:
        return None
    return holder


def _start_time(pid: int) -> int:
    """When a process started, in clock ticks since boot: another one with its pid is not the one. 0: there is none."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return 0
    return int(text.rpartition(")")[2].split()[19])


def _last_lines(path: Path, count: int) -> list[bytes]:
    """The last lines of a file, of which only the end is read."""
    text = b""
    with path.open("rb") as file:
        at = file.seek(0, os.SEEK_END)
        while at and text.count(b"\n") <= count:
            size = min(at, BLOCK_BYTES)
            at -= size
            file.seek(at)
            text = file.read(size) + text
    lines = text.splitlines()
    return lines[max(0, len(lines) - count) :]


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
