"""The suites catch managers that are wrong: each defect is switched in, and the suite must fail for it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from robot.result import Result

from SageLibrary.recording.verdict import Outcome, outcome_of

OTHERS = Path(__file__).parents[2] / "other_managers"

pytestmark = pytest.mark.lab


@pytest.mark.parametrize(
    ("defect", "suite", "test", "said"),
    [
        ("status_lies", "lifecycle", "Stop Leaves Nothing Behind", "should be 'stopped'"),
        ("stop_leaves_a_process", "lifecycle", "Stop Leaves Nothing Behind", "the state of every node was"),
        ("recovery_off", "recovery", "A Failed Worker Is Back Without Help", "(waiting for worker-1)"),
    ],
)
def test_a_suite_fails_when_the_managers_are_wrong(
    run_robot: Callable[..., Result], defect: str, suite: str, test: str, said: str
) -> None:
    (broken,) = run_robot("--test", test, f"robot/{suite}.robot", defect=defect).suite.all_tests
    assert outcome_of(broken.status, broken.message) is Outcome.FAILED, broken.message
    assert said in broken.message


def test_the_same_suite_passes_when_they_are_right_and_judges_those_that_are_named(
    run_robot: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    notes = tmp_path / "notes"
    monkeypatch.setenv("NOTES", str(notes))
    others = ("--pythonpath", str(OTHERS), "--variable", "MANAGERS:noting_managers")
    (test,) = run_robot(*others, "--test", "Stop Leaves Nothing Behind", "robot/lifecycle.robot").suite.all_tests
    assert test.passed, test.message
    assert notes.read_text().split()[:2] == ["start", "stop"]
