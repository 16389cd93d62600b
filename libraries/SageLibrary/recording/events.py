"""Event files: a JSON object a line, each with ``monotonic`` (seconds on this machine's clock) and ``event``."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Event:
    """One line. ``at`` is in seconds on the monotonic clock; ``node`` is empty when it concerns none or several."""

    at: float
    name: str
    node: str
    details: dict[str, Any]


@dataclass(frozen=True)
class EventFile:
    """The events of a file, oldest first, and how many of its lines could not be read."""

    events: tuple[Event, ...] = ()
    unreadable: int = 0


def read_events(path: Path) -> EventFile:
    """Read a file and, before it, the ``.old.jsonl`` that its writer moved aside; a missing file has no events.

    A line that is cut short (its writer was killed) or lacks its time or name is counted, and passed over.
    """
    events: list[Event] = []
    unreadable = 0
    for part in (path.with_suffix(".old.jsonl"), path):
        if not part.exists():
            continue
        for line in part.read_text(encoding="utf-8", errors="replace").splitlines():
            if not line.strip():
                continue
            try:
                details = json.loads(line)
                at, name = float(details["monotonic"]), str(details["event"])
            except (ValueError, KeyError, TypeError):
                unreadable += 1
                continue
            events.append(Event(at, name, str(details.get("node", "")), details))
    return EventFile(tuple(sorted(events, key=lambda event: event.at)), unreadable)
