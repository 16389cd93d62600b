"""Small suites for tests about running suites."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.robot_runs import run_module

Run = Callable[..., subprocess.CompletedProcess[str]]
"""Runs sage-test with these arguments and variables of the environment in the test's own directory."""


@pytest.fixture
def sage_test(tmp_path: Path) -> Run:
    def run(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
        variables = {"SAGE_LAB_HOME": str(tmp_path / "labs"), "SAGE_LAB": "t-running", **environ}
        return run_module("SageLibrary.running.cli", *arguments, cwd=tmp_path, **variables)

    return run


@pytest.fixture
def fails_once(tmp_path: Path) -> Path:
    """A suite in which one test passes, one fails the first time."""
    suite = tmp_path / "once.robot"
    suite.write_text(f"""*** Test Cases ***
Good
    No Operation
Late
    ${{here}}=    Evaluate    __import__('pathlib').Path(r'{tmp_path}/late').exists()
    Evaluate    __import__('pathlib').Path(r'{tmp_path}/late').touch()
    IF    not ${{here}}    Fail    the state was 'lost', should be 'running'
""")
    return suite
