"""The pace of a lab: measured by a command on a node, kept, and what it does to the managers' configuration."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
import yaml

from sage_lab import pace
from sage_lab.errors import LabError
from sage_lab.model import Completed


def here(argv: Sequence[str]) -> Completed:
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    return Completed(tuple(argv), done.returncode, done.stdout, done.stderr)


def saying(seconds: float) -> pace.Run:
    return lambda argv: Completed(tuple(argv), 0, f"{seconds}\n", "")


def test_the_reference_command_runs_and_this_machine_is_no_slower_than_ten_ordinary_ones() -> None:
    assert pace.ORDINARY <= pace.measure(here, sys.executable) < 10


@pytest.mark.parametrize(("seconds", "found"), [(0.03, 1.0), (0.1, 1.0), (0.19, 1.0), (0.2, 2.0), (0.75, 7.5)])
def test_a_node_is_slow_from_twice_the_ordinary_time_on(seconds: float, found: float) -> None:
    assert pace.measure(saying(seconds), "python3") == found


def test_a_reference_that_fails_is_an_error_with_its_words() -> None:
    with pytest.raises(LabError, match="could not be measured: no ssl here"):
        pace.measure(lambda argv: Completed(tuple(argv), 1, "", "no ssl here\n"), "/opt/sage/bin/python")


def test_a_slow_lab_gives_its_managers_more_time_and_an_ordinary_one_changes_nothing(tmp_path: Path) -> None:
    text = yaml.safe_dump(
        {"head": {"host": "head"}, "ssh": {"connect_timeout": 3}, "cluster": {"start_concurrency": 3}}
    )
    (tmp_path / "config.yaml").write_text(text)
    assert pace.read(tmp_path) == pace.ORDINARY
    pace.write(tmp_path, 1.0)
    assert (tmp_path / "config.yaml").read_text() == text
    pace.write(tmp_path, 7.5)
    assert pace.read(tmp_path) == 7.5
    config = yaml.safe_load((tmp_path / "config.yaml").read_text())
    assert config["ssh"]["connect_timeout"] == 22.5
    assert config["cluster"] == {
        "start_concurrency": 3,
        "start_timeout": 900.0,
        "stop_timeout": 150.0,
        "drain_timeout": 225.0,
        "answer_timeout": 112.5,
    }
