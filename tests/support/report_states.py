"""Pages of runs that ended in every way that a reader can meet, for tests that look at them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from SageLibrary.recording.recording import Recording
from SageLibrary.recording.run import RecordedTest, Run
from SageLibrary.recording.verdict import Outcome
from SageLibrary.report import failures, parts
from SageLibrary.report.page import page
from SageLibrary.report.summary import EndedTest
from tests.support.recorded_runs import a_test, past, recording, run_of

MESSAGE = """status of worker-1 was 'lost' for 31 s, should be 'running' within 30 s
    seen: running 0.0 s, lost 1.2 s"""
LONG = "a_word_that_has_no_place_to_break_" * 12
ERROR = "[2026-11-22 23:42:51,370 E 875 875] (raylet) the agent did not come up: " + LONG
NAMES = ("head: gcs killed", "worker-1: isolated", "worker-2: power cut", "two workers: halves")


def pages(results: Path) -> dict[str, str]:
    """A page by the name of its state; ``results`` gets the evidence that they link to."""
    took = {"Robot.Failure: One": 20.0, "Robot.Failure: Gone": 3.0, "Robot.Failure: Bad": 90.0}
    green = {"time": "2026-01-01T00:00:00+00:00", "seconds": took}
    return {
        "green": page(run_of(a_test(), a_test(name="Two")), _past(4), results, green),
        "failure": page(run_of(_failed(results, Outcome.FAILED, MESSAGE), a_test()), _past(9), results, green),
        "infra": page(run_of(_failed(results, Outcome.INFRA, f"InfraError: {LONG}"), a_test()), _past(3), results),
        "inconclusive": page(run_of(_failed(results, Outcome.INCONCLUSIVE, "InconclusiveError: none")), [], results),
        "no history": page(run_of(a_test(of=Recording(0, 3))), [], results),
        "no test": page(run_of(), [], results),
        "flaky": parts.page("Robot", _ended(), [("attempt 1", Path("a.html")), ("attempt 2", Path("b.html"))]),
        "sixty tests": page(_sixty(results), _past(100), results, green),
    }


def _ended() -> list[EndedTest]:
    said = f"attempt 1 failed, attempt 2 passed\n\nattempt 1 failed (attempt-1/log.html):\n    {LONG}"
    return [EndedTest("One", Outcome.PASSED, 3.0, False, ""), EndedTest("Late", Outcome.FLAKY, 9.0, True, said)]


def _failed(results: Path, outcome: Outcome, message: str, name: str = "Bad") -> RecordedTest:
    node = results / failures.evidence_name(f"Robot.Failure.{name}") / "worker-1"
    node.mkdir(parents=True, exist_ok=True)
    (node / failures.LOG).write_text(f"=== session_1/logs/raylet.out\n{ERROR}\n", encoding="utf-8")
    return RecordedTest.of(name, "Robot.Failure", outcome, message, recording())


def _sixty(results: Path) -> Run:
    tests = [a_test(name=f"{name} {number}", of=recording()) for number in range(14) for name in NAMES]
    skipped = [a_test(Outcome.SKIPPED, f"Needs a virtual machine {number}") for number in range(2)]
    bad = [_failed(results, Outcome.FAILED, MESSAGE, f"Bad {number}") for number in range(2)]
    return run_of(*tests, *skipped, *bad)


def _past(runs: int) -> list[dict[str, Any]]:
    return [dict(past(4 - number % 2, 1.0 + number % 5)) for number in range(runs)]
