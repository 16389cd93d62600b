"""What became of each fault, one line of JSON each in ``faults.jsonl`` of the lab's directory."""

from __future__ import annotations

import json
import os
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

Event = Literal["inject", "effective", "heal", "healed", "ineffective"]
FILE = "faults.jsonl"


def write(directory: Path, event: Event, fault: str, kind: str, targets: tuple[str, ...], **more: object) -> float:
    """Append one event and return its time in seconds of this machine's monotonic clock.

    ``more`` may hold ``seconds`` (how long it took), ``acted`` (when each node was hit, by the same
    clock; the nodes of a container lab share it) and ``reason``.
    """
    now = time.monotonic()
    line = {
        "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "monotonic": now,
        "event": event,
        "fault": fault,
        "kind": kind,
        "targets": list(targets),
        **more,
    }
    # One write to a file opened for appending: lines of several writers do not mix.
    descriptor = os.open(directory / FILE, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.write(descriptor, (json.dumps(line) + "\n").encode())
    finally:
        os.close(descriptor)
    return now


def read(directory: Path) -> list[dict[str, Any]]:
    """All events in the order they were written; none when there was no fault yet."""
    try:
        text = (directory / FILE).read_text(encoding="utf-8")
    except FileNotFoundError:
        return []
    return [json.loads(line) for line in text.splitlines()]
