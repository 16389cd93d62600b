"""A whole run: its tests, how each ended, and what was recorded meanwhile; as values and as a file."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median
from typing import Any

from SageLibrary.recording.figures import Figures, measure
from SageLibrary.recording.ray_times import ray_noticed
from SageLibrary.recording.recording import RaySight, Recording
from SageLibrary.recording.verdict import Outcome

FILE = "recordings.json"


@dataclass(frozen=True)
class RecordedTest:
    """One test of a run, with its full name's parts, its message and its recording; ``source`` is its suite's file."""

    name: str
    suite: str
    outcome: Outcome
    message: str
    recording: Recording
    figures: list[Figures]
    source: str = "robot"

    @classmethod
    def of(
        cls, name: str, suite: str, outcome: Outcome, message: str, recording: Recording, source: str = "robot"
    ) -> RecordedTest:
        """A test with its figures measured."""
        return cls(name, suite, outcome, message, recording, measure(recording), source)

    @property
    def seconds(self) -> float:
        """How long it took."""
        return self.recording.end - self.recording.begin


@dataclass
class Run:
    """One run of suites. ``time`` is its begin, ISO 8601, UTC."""

    suite: str
    time: str
    tests: list[RecordedTest] = field(default_factory=list)
    measures: dict[str, list[float]] = field(default_factory=dict)
    """Seconds that tests measured besides faults, by what they are: "plain ray start"."""

    def count(self, outcome: Outcome) -> int:
        """How many tests ended so."""
        return sum(1 for test in self.tests if test.outcome is outcome)

    @property
    def figures(self) -> list[tuple[RecordedTest, Figures]]:
        """Every fault of the run with its test."""
        return [(test, figure) for test in self.tests for figure in test.figures]

    def put_in_rays_times(self, sights: Sequence[RaySight]) -> None:
        """Say of each fault when Ray itself noticed it; ``sights`` are of the whole run, oldest first."""
        faults = list({figure.fault.id: figure.fault for _, figure in self.figures}.values())
        self.tests = [
            replace(
                test,
                figures=[
                    replace(figure, ray_noticed=ray_noticed(figure.fault, faults, sights)) for figure in test.figures
                ],
            )
            for test in self.tests
        ]

    def summary(self) -> dict[str, Any]:
        """One line of the history: the counts, and the medians of noticed and repaired in seconds (or None)."""
        times = [figure for _, figure in self.figures]
        return {
            "time": self.time,
            "suite": self.suite,
            "tests": len(self.tests),
            **{outcome.value: self.count(outcome) for outcome in Outcome},
            "faults": len(times),
            "noticed": _median([figure.noticed for figure in times]),
            "repaired": _median([figure.repaired for figure in times]),
        }

    def write(self, path: Path) -> None:
        """Write everything as JSON: the summary and, per test, its outcome, states, operations and figures.

        Times of a test are in seconds since its begin.
        """
        content = {**self.summary(), "measures": self.measures, "results": [_plain(test) for test in self.tests]}
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def _plain(test: RecordedTest) -> dict[str, Any]:
    recording = test.recording

    def since(at: float | None) -> float | None:
        return None if at is None else round(at - recording.begin, 3)

    return {
        "name": test.name,
        "suite": test.suite,
        "outcome": test.outcome.value,
        "message": test.message,
        "seconds": round(test.seconds, 3),
        "states": [{"node": s.node, "state": s.state, "at": since(s.at)} for s in recording.sights],
        "supervisor": [{"node": s.node, "state": s.state, "at": since(s.at)} for s in recording.beliefs],
        "operations": [
            {"operation": o.name, "begin": since(o.begin), "end": since(o.end)} for o in recording.operations
        ],
        "faults": [{"injected": since(f.fault.injected), **f.to_dict()} for f in test.figures],
        "unreadable_lines": recording.unreadable,
    }


def _median(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return round(median(known), 3) if known else None
