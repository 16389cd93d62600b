"""One program at a time changes a node; a newer one ends an older one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sage_cluster.on_node import turn as turn_module
from sage_cluster.on_node.turn import TurnNotFreeError, turn

HOLD = (
    "import sys; from sage_cluster.on_node.turn import turn\n"
    "with turn(sys.argv[1]):\n"
    "    print('held', flush=True); sys.stdin.read()\n"
)


def begin(directory: Path) -> subprocess.Popen[str]:
    # A process that is killed leaves broken coverage data: it is not measured.
    environ = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    return subprocess.Popen(
        [sys.executable, "-c", HOLD, str(directory)],
        env=environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def holder_of(directory: Path) -> subprocess.Popen[str]:
    process = begin(directory)
    assert process.stdout
    assert process.stdout.readline() == "held\n"
    return process


def test_a_newer_program_ends_the_older_one(tmp_path: Path) -> None:
    with holder_of(tmp_path) as older:
        with turn(str(tmp_path)):
            assert older.wait(10) == -9
        with holder_of(tmp_path) as newest:
            newest.communicate("")
            assert newest.returncode == 0, "nobody had a reason to end it"


def test_one_that_comes_late_and_whose_controller_is_gone_ends_nothing(tmp_path: Path) -> None:
    with holder_of(tmp_path) as newer, begin(tmp_path) as late:
        assert late.stdout
        late.stdout.close()
        assert late.wait(10) == 1
        assert late.stderr
        assert "the controller that asked for this is gone" in late.stderr.read()
        newer.communicate("")
        assert newer.returncode == 0


def test_programs_of_other_directories_go_on(tmp_path: Path) -> None:
    with holder_of(tmp_path / "one") as other:
        with turn(str(tmp_path / "two")):
            pass
        other.communicate("")
        assert other.returncode == 0


def test_a_slash_at_the_end_makes_no_difference(tmp_path: Path) -> None:
    with holder_of(tmp_path) as older, turn(f"{tmp_path}/"):
        assert older.wait(10) == -9


def test_one_that_cannot_be_ended_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turn_module, "WAIT_SECONDS", 0.2)
    monkeypatch.setattr(turn_module.os, "kill", lambda pid, number: None)  # as for a process of another user
    with holder_of(tmp_path) as older:
        with pytest.raises(TurnNotFreeError, match=f"process {older.pid} works on {tmp_path}"), turn(str(tmp_path)):
            pass
        older.communicate("")
