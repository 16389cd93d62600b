"""Suites run by `robot` as users run it, on a lab that all of these tests share."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from robot.api import ExecutionResult
from robot.result import Result

from sage_lab import sweep

ROOT = Path(__file__).parents[3]
LAB = "t-acceptance"
RUN_SECONDS = 240

RunRobot = Callable[..., Result]
"""Runs robot with these arguments, into the test's own directory, and returns its result."""


@pytest.fixture(scope="session")
def kept_lab() -> Iterator[str]:
    yield LAB
    sweep(LAB)


@pytest.fixture
def run_robot(kept_lab: str, tmp_path: Path) -> RunRobot:
    def run(*arguments: str, defect: str = "") -> Result:
        environment = {**os.environ, "SAGE_LAB": kept_lab, "KEEP_LAB": "yes"}
        environment.pop("ROBOT_OPTIONS", None)
        if defect:
            environment["PYTHONPATH"] = str(ROOT / "tests" / "defects" / defect)
        command = [sys.executable, "-m", "robot", "--outputdir", str(tmp_path), "--console", "none", *arguments]
        subprocess.run(command, cwd=ROOT, env=environment, timeout=RUN_SECONDS, check=False)
        return ExecutionResult(str(tmp_path / "output.xml"))

    return run
