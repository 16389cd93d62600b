"""Small suites for tests about running suites, and a stage without a lab."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from sage_cluster.operations.operations import Operations
from sage_cluster.supervision.process import SupervisorProcess
from SageLibrary.context import Stage
from tests.support.robot_runs import run_module

CONFIGURATION = "head: {{host: 127.0.0.1, ssh_port: {port}}}\nssh: {{user: nobody, connect_timeout: 60, retries: 0}}\n"
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


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port on loopback that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def stage(tmp_path: Path, silent_port: int) -> Stage:
    """A stage whose cluster is a file only: an operation on it is never done."""
    path = tmp_path / "config.yaml"
    path.write_text(CONFIGURATION.format(port=silent_port))
    parts = {"operations": Operations(path), "supervision": SupervisorProcess(path)}
    lab = SimpleNamespace(config_path=path)
    return cast("Stage", SimpleNamespace(lab=lab, last_result=None, results=lambda: tmp_path / "results", **parts))
