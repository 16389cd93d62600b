"""What was done on a cluster: one event a line, by every process that manages it."""

from __future__ import annotations

import json
import logging
import os
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from sage_cluster.state.holder import now
from sage_cluster.state.lock import Lock, NotFreeError, open_private
from sage_cluster.state.paths import StatePaths

ROTATE_BYTES = 5_000_000
BLOCK_BYTES = 65536
LOCK_SECONDS = 2.0
REQUIRED: dict[str, type | tuple[type, ...]] = {"time": str, "monotonic": (int, float), "event": str}
TEXTS = ("node", "state", "action", "reason", "error", "operation")
log = logging.getLogger(__name__)


class Journal:
    """The journal beside a configuration file: lines of JSON, the older half in ``.old.jsonl``."""

    def __init__(self, config_path: Path) -> None:
        paths = StatePaths.beside(config_path)
        self.path = paths.journal
        self._lock = Lock(paths.journal_lock)
        self._told_damage = False

    def record(self, event: str, **details: Any) -> None:  # noqa: ANN401
        """Append one event to the journal: wall and monotonic time, process, and the details.

        A journal that cannot be written is a warning: what is done on the cluster counts more.
        """
        entry = {"time": now(), "monotonic": time.monotonic(), "pid": os.getpid(), "event": event, **details}
        try:
            self._append(json.dumps(entry, default=str).encode() + b"\n")
        except OSError as error:
            log.warning("%s: '%s' cannot be written into the journal: %s", self.path, event, error.strerror)

    def last(self, count: int = 100) -> list[dict[str, Any]]:
        """The newest ``count`` events, oldest first. A line that is no event, such as one cut short, is passed over."""
        try:
            lines = _last_lines(self.path, count)
        except FileNotFoundError:
            return []
        except OSError as error:
            log.warning("%s: the journal cannot be read: %s", self.path, error.strerror)
            return []
        events = [event for line in lines if (event := _event_in(line))]
        if len(events) < len(lines) and not self._told_damage:
            self._told_damage = True
            log.warning("%s: %d lines are no events and are passed over", self.path, len(lines) - len(events))
        return events

    def _append(self, line: bytes) -> None:
        with ExitStack() as held:
            try:
                held.enter_context(self._lock.held("write the journal", LOCK_SECONDS))
                self._rotate()
            except NotFreeError:
                pass  # a line at the end is safe without the lock, only a rotation is not
            descriptor = open_private(self.path, os.O_RDWR | os.O_APPEND)
            held.callback(os.close, descriptor)
            size = os.fstat(descriptor).st_size
            # A writer that was killed may have left half a line; this event gets a line of its own.
            whole = not size or os.pread(descriptor, 1, size - 1) == b"\n"
            _write_whole(descriptor, line if whole else b"\n" + line)

    def _rotate(self) -> None:
        try:
            if self.path.stat().st_size > ROTATE_BYTES:
                self.path.replace(self.path.with_suffix(".old.jsonl"))
        except FileNotFoundError:
            pass


def _write_whole(descriptor: int, line: bytes) -> None:
    """Write it by one call, into which no neighbour's comes; of what a full disk cuts off the reader makes nothing."""
    written = os.write(descriptor, line)
    if written < len(line):
        os.write(descriptor, line[written:])  # says why, if there is no room


def _event_in(line: bytes) -> dict[str, Any] | None:
    """The event of a line; None for anything else, so that readers may rely on what every event has."""
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(entry, dict) or not all(isinstance(entry.get(key), kind) for key, kind in REQUIRED.items()):
        return None
    texts = all(isinstance(entry.get(key, ""), str) for key in TEXTS)
    return entry if texts and isinstance(entry.get("success", True), bool) else None


def _last_lines(path: Path, count: int) -> list[bytes]:
    """The last lines of a file, of which only the end is read."""
    text = b""
    # Not blocking, or opening a pipe would wait for its writer.
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
        at = file.seek(0, os.SEEK_END)
        while at and text.count(b"\n") <= count:
            size = min(at, BLOCK_BYTES)
            at -= size
            file.seek(at)
            text = file.read(size) + text
    lines = text.splitlines()
    return lines[max(0, len(lines) - count) :]
