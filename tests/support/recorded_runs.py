"""Runs, tests and recordings as the page of a run gets them."""

from __future__ import annotations

from pathlib import Path

from SageLibrary.recording.events import Event
from SageLibrary.recording.recording import Asked, Fault, Operation, Recording, Sight
from SageLibrary.recording.run import RecordedTest, Run
from SageLibrary.recording.verdict import Outcome

NOWHERE = Path("/no/results")


def events(*rows: tuple[float, str, str, str]) -> tuple[Event, ...]:
    """The journal's events: when, what, which node, its state."""
    return tuple(Event(at, name, node, {"state": state}) for at, name, node, state in rows)


LIMITS = (0.2, 30.0)


def recording(
    kind: str = "raylet killed", noticed: float = 0.1, limits: tuple[float, float] | None = LIMITS
) -> Recording:
    """From 100 to 200; w1 is hit at 120, is found at 120 + noticed, well at 130, and the fault ends at 140.

    ``limits`` are what its row asked: noticed and repaired within so many seconds. One that is noticed late fails.
    """
    found = 120 + noticed
    asked = Asked(*limits, failed=noticed > limits[0]) if limits else None
    return Recording(
        100,
        200,
        sights=(Sight("head", "running", 100), Sight("w1", "running", 100), Sight("w1", "cut_off", 125)),
        beliefs=(Sight("w1", "running", 100), Sight("w1", "lost", found), Sight("w1", "running", 130)),
        operations=(Operation("repair w1", 121, 130),),
        faults=(Fault("f", kind, ("w1",), 120, 121, 140, asked=asked),),
        journal=events((found, "observed", "w1", "lost"), (130, "repaired", "w1", "")),
    )


def run_of(*tests: RecordedTest) -> Run:
    """A run of these tests."""
    return Run("Robot", "2026-01-01T00:00:00+00:00", list(tests))


def a_test(outcome: Outcome = Outcome.PASSED, name: str = "One", of: Recording | None = None) -> RecordedTest:
    """A test with the outcome and the recording."""
    return RecordedTest.of(name, "Robot.Failure", outcome, "", of or recording())


def past(passed: int, noticed: float | None) -> dict[str, object]:
    """A row of the history."""
    return {"time": "t", "suite": "A", "tests": 4, "passed": passed, "skipped": 0, "noticed": noticed, "repaired": None}
