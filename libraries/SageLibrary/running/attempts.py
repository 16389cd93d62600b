"""Failed tests once more: each attempt keeps its own files, all are merged, and who passed late is flaky."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from robot.api import ExecutionResult, ResultVisitor
from robot.model import TestCase  # type: ignore[import-untyped]  # it has no type hints
from robot.rebot import rebot  # type: ignore[import-untyped]  # it has no type hints
from robot.result import Result  # type: ignore[import-untyped]  # it has no type hints

from SageLibrary.report.verdict import FLAKY

OUTPUT = "output.xml"
WRONG_USAGE = 252
"""robot's own exit status for options or suites that are wrong; 253 to 255 are an interruption and a crash."""


def run_attempts(directory: Path, options: Sequence[str], suites: Sequence[str], reruns: int) -> int:
    """Run the suites, then those tests that failed up to ``reruns`` times more; merge when there was more than one.

    Files go to ``directory``: with reruns those of each attempt to ``attempt-N`` below it, and the merged result has
    every test's last attempt, with the message of the one before. Returns robot's exit status: how many failed at last.
    """
    if not reruns:
        return _robot(directory, options, suites)
    outputs: list[Path] = []
    status = 0
    for number in range(1, reruns + 2):
        again = ["--rerunfailed", str(outputs[-1])] if outputs else []
        status = _robot(directory / f"attempt-{number}", [*options, *again], suites)
        output = directory / f"attempt-{number}" / OUTPUT
        if status >= WRONG_USAGE or not output.exists():
            return status
        outputs.append(output)
        if status == 0:
            break
    merge(outputs, directory)
    return status


def merge(outputs: Sequence[Path], directory: Path) -> None:
    """Write one output.xml, log and report of several attempts, with the tag ``flaky`` for tests that passed late."""
    if len(outputs) > 1:
        rebot(*outputs, merge=True, output=OUTPUT, log=None, report=None, outputdir=directory, stdout=None)
        merged = ExecutionResult(directory / OUTPUT)
    else:
        merged = ExecutionResult(outputs[0])
    merged.visit(_MarkFlaky(ever_failed(outputs)))
    merged.save(directory / OUTPUT)
    rebot(directory / OUTPUT, outputdir=directory, output=None)


def ever_failed(outputs: Sequence[Path]) -> set[str]:
    """The full names of tests that failed in any of these attempts."""
    return {test.full_name for output in outputs for test in _tests(ExecutionResult(output)) if test.failed}


def _tests(result: Result) -> list[TestCase]:
    return list(result.suite.all_tests)


def _robot(directory: Path, options: Sequence[str], suites: Sequence[str]) -> int:
    command = [sys.executable, "-m", "robot", "--outputdir", str(directory), *options, *suites]
    return subprocess.run(command, check=False).returncode


class _MarkFlaky(ResultVisitor):  # type: ignore[misc]  # it has no type hints
    def __init__(self, failed: set[str]) -> None:
        self._failed = failed

    def visit_test(self, test: TestCase) -> None:
        if test.passed and test.full_name in self._failed:
            test.tags.add(FLAKY)
