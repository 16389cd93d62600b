"""What was done on a cluster: one event a line, by every process that manages it."""

from __future__ import annotations

import json
import os
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROTATE_BYTES = 5_000_000
BLOCK_BYTES = 65536


class Journal:
    """The journal beside a configuration file: lines of JSON, the older half in ``.old.jsonl``."""

    def __init__(self, config_path: Path) -> None:
        self.path = config_path.with_name(f"{config_path.stem}.journal.jsonl")

    def record(self, event: str, **details: Any) -> None:  # noqa: ANN401
        """Append one event to the journal: wall and monotonic time, process, and the details."""
        entry = {"time": now(), "monotonic": time.monotonic(), "pid": os.getpid(), "event": event, **details}
        if self.path.exists() and self.path.stat().st_size > ROTATE_BYTES:
            self.path.replace(self.path.with_suffix(".old.jsonl"))
        with self.path.open("a+b") as file:
            # A writer that was killed may have left half a line; this event gets a line of its own.
            whole = True
            if file.tell():
                file.seek(-1, os.SEEK_END)
                whole = file.read(1) == b"\n"
            file.write((b"" if whole else b"\n") + json.dumps(entry, default=str).encode() + b"\n")

    def last(self, count: int = 100) -> list[dict[str, Any]]:
        """The newest ``count`` events, oldest first. A line cut short by a crash is passed over."""
        if not self.path.exists():
            return []
        events = []
        for line in _last_lines(self.path, count):
            try:
                events.append(json.loads(line))
            except ValueError:
                continue
        return events


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


def now() -> str:
    """The wall clock, in UTC to the millisecond (ISO 8601)."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")
