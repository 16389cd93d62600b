"""The suite that docs/writing-tests.md tells a tester to write, run for real."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from robot.result import Result

ROOT = Path(__file__).parents[3]

pytestmark = pytest.mark.lab


def test_the_suite_of_the_guide_passes(
    guide: Callable[[str], str], run_robot: Callable[..., Result], tmp_path: Path
) -> None:
    suite = tmp_path / "morning.robot"
    text = guide("suite robot/morning.robot")
    suite.write_text(text.replace("../resources", f"{ROOT}/resources"), encoding="utf-8")
    tests = run_robot("--test", "Every Node Works", "--test", "A Dead Worker*", str(suite)).suite.all_tests
    assert [(test.status, test.message) for test in tests] == [("PASS", "")] * 2


def test_commands_of_ones_own_run_as_the_guide_says(
    guide: Callable[[str], str], run_robot: Callable[..., Result], tmp_path: Path
) -> None:
    suite = tmp_path / "by-hand.robot"
    text = guide("suite robot/by-hand.robot")
    suite.write_text(text.replace("../resources", f"{ROOT}/resources").replace("${CURDIR}/", ""), encoding="utf-8")
    (test,) = run_robot(str(suite)).suite.all_tests
    assert (test.status, test.message) == ("PASS", "")
