"""The states of every node over a run, collected from any thread, for the report and for Robot's log."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from pathlib import Path

from SageLibrary.recording.ray_times import STOPPED
from SageLibrary.recording.recording import Asked, Mark, RaySight, Recording, Sight, collect
from SageLibrary.report.colours import COLOURS, UNKNOWN
from SageLibrary.report.lanes import WIDTH, draw

ON_PURPOSE = {"stopping", "restarting", "removing", "draining"}

__all__ = ["COLOURS", "UNKNOWN", "WIDTH", "Timeline"]


class Timeline:
    """Collects sights from any thread."""

    def __init__(self) -> None:
        self._sights: list[Sight] = []
        self._marks: list[Mark] = []
        self._ray: list[RaySight] = []
        self._measures: dict[str, list[float]] = {}
        self._asked: dict[str, tuple[float, Asked]] = {}
        self._guard = threading.Lock()

    def clear(self) -> None:
        """Begin anew, for the next suite. What Ray said stays: it may notice a fault when the suite is over."""
        with self._guard:
            self._sights.clear()
            self._marks.clear()

    def record(self, node: str, state: str) -> None:
        """A node is in this state from now on."""
        now = time.monotonic()
        with self._guard:
            self._sights.append(Sight(node, state, now))
            if state in ON_PURPOSE:
                self._ray.append(RaySight(node, "", STOPPED, now))

    def states(self) -> dict[str, str]:
        """The last state of each node that was seen in one, in the order of their first sights."""
        with self._guard:
            return {sight.node: sight.state for sight in self._sights}

    def record_ray(self, sight: RaySight) -> None:
        """Ray calls a node so from now on."""
        with self._guard:
            self._ray.append(sight)

    def ray(self) -> list[RaySight]:
        """What Ray said in the whole run."""
        with self._guard:
            return list(self._ray)

    def measure(self, what: str, seconds: float) -> None:
        """Something took so long."""
        with self._guard:
            self._measures.setdefault(what, []).append(seconds)

    def measures(self) -> dict[str, list[float]]:
        """What was measured in the whole run, in seconds."""
        with self._guard:
            return {what: list(seconds) for what, seconds in self._measures.items()}

    def ask(self, fault: str, noticed: float, repaired: float) -> None:
        """A row asks for these times of its fault, in seconds: noticed after the hit, all well after its end."""
        with self._guard:
            self._asked[fault] = time.monotonic(), Asked(noticed, repaired)

    def row_failed(self, begin: float) -> None:
        """The row that began then (seconds, monotonic) failed, and with it what it asked."""
        with self._guard:
            for fault, (at, asked) in self._asked.items():
                if at >= begin:
                    self._asked[fault] = at, replace(asked, failed=True)

    def mark(self, text: str) -> None:
        """Something that concerns all nodes happened now: a test began."""
        with self._guard:
            self._marks.append(Mark(text, time.monotonic()))

    def recording(
        self, begin: float | None = None, journal: Path | None = None, faults: Path | None = None
    ) -> Recording:
        """What happened from ``begin`` (seconds, monotonic; else from the first sight) until now.

        With the files of the managers and of the lab it has operations, beliefs of the supervisor and faults too.
        """
        sights, marks, now = self._so_far()
        first = min([s.at for s in sights] + [m.at for m in marks], default=now)
        with self._guard:
            asked = {fault: what for fault, (_, what) in self._asked.items()}
        return collect(first if begin is None else begin, now, sights, marks, journal, faults, asked)

    def svg(self) -> str:
        """The picture of every sight since the last `clear`, or an empty string when no node was seen."""
        sights, marks, now = self._so_far()
        first = min([s.at for s in sights] + [m.at for m in marks], default=now)
        return draw(Recording(first, now, sights=tuple(sights), marks=tuple(marks)), ident="suite")

    def _so_far(self) -> tuple[list[Sight], list[Mark], float]:
        with self._guard:
            return list(self._sights), list(self._marks), time.monotonic()
