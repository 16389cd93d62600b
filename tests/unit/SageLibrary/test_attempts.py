"""Tests that are run again: every attempt is kept, who passed late is flaky, and the gravest of the failures counts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from robot import run
from robot.api import ExecutionResult
from robot.result import TestCase as Test

from SageLibrary.recording.verdict import Outcome, outcome_of
from SageLibrary.running.attempts import merge, run_failed_again


def attempts(tmp_path: Path, steps: Sequence[str]) -> list[Path]:
    """The outputs of one test that did this and then that."""
    outputs = []
    for number, step in enumerate(steps, start=1):
        suite = tmp_path / "one.robot"
        suite.write_text(f"*** Test Cases ***\nTest\n    [Tags]    mine\n    {step}\n")
        directory = tmp_path / "out" / f"attempt-{number}"
        run(str(suite), outputdir=str(directory), console="none")
        outputs.append(directory / "output.xml")
    return outputs


def merged(tmp_path: Path, steps: Sequence[str]) -> Test:
    merge(attempts(tmp_path, steps), tmp_path / "out")
    return next(iter(ExecutionResult(tmp_path / "out" / "output.xml").suite.all_tests))


def test_who_passes_late_is_flaky_and_tells_of_each_attempt(tmp_path: Path) -> None:
    test = merged(tmp_path, ["Fail    the state was 'lost'", "Fail    InfraError: no answer", "No Operation"])
    assert test.passed
    assert set(test.tags) == {"mine", "flaky"}
    assert test.message.splitlines()[0] == "attempt 1 failed, attempt 2 was infra, attempt 3 passed"
    assert "attempt 1 failed (attempt-1/log.html):\n    the state was 'lost'" in test.message
    assert "attempt 2 was infra (attempt-2/log.html):\n    InfraError: no answer" in test.message
    assert outcome_of(test.status, test.message, test.tags) is Outcome.FLAKY


@pytest.mark.parametrize(
    ("steps", "outcome"),
    [
        (["Fail    InfraError: no answer", "Fail    InfraError: still none"], Outcome.INFRA),
        (["Fail    InfraError: no answer", "Fail    the state was 'lost'"], Outcome.FAILED),
        (["Fail    the state was 'lost'", "Fail    InfraError: no answer"], Outcome.FAILED),
        (["Fail    the state was 'lost'", "Skip    this lab cannot"], Outcome.FAILED),
        (["Fail    InconclusiveError: nothing to kill", "Fail    InfraError: no answer"], Outcome.INFRA),
    ],
)
def test_the_gravest_of_all_attempts_counts(tmp_path: Path, steps: list[str], outcome: Outcome) -> None:
    test = merged(tmp_path, steps)
    assert test.failed
    assert outcome_of(test.status, test.message, test.tags) is outcome
    assert "*HTML*" not in test.message
    assert set(test.tags) - {"mine"} == (set() if outcome is Outcome.FAILED else {f"verdict-{outcome.value}"})


def test_nothing_is_run_again_when_all_passed(tmp_path: Path) -> None:
    output = attempts(tmp_path, ["No Operation"])[0]
    assert run_failed_again(output.parent, [], ["no-such-suite"], 3) == 0
    assert not list(output.parent.glob("attempt-*"))
