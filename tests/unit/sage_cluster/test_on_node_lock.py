"""One program at a time changes a node; a newer one ends an older one."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sage_cluster.on_node import node_lock as lock_module
from sage_cluster.on_node.node_lock import NodeBusyError, node_lock
from sage_cluster.on_node.processes import all_processes, read_process

HOLD = (
    "import sys; from sage_cluster.on_node.node_lock import node_lock\n"
    "if len(sys.argv) > 2: print('begun', flush=True); sys.stdin.readline()\n"
    "with node_lock(sys.argv[1]):\n"
    "    print('held', flush=True); sys.stdin.read()\n"
)
NOBODY = 65534


def begin(directory: Path | str, *more: str) -> subprocess.Popen[str]:
    # A process that is killed leaves broken coverage data: it is not measured.
    environ = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    return subprocess.Popen(
        [sys.executable, "-c", HOLD, str(directory), *more],
        env=environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@contextmanager
def holder_of(directory: Path | str) -> Iterator[subprocess.Popen[str]]:
    with begin(directory) as process:
        assert process.stdout
        assert process.stdout.readline() == "held\n"
        yield process


def test_a_newer_program_ends_the_older_one(tmp_path: Path) -> None:
    with holder_of(tmp_path) as older, holder_of(tmp_path) as newer:
        assert older.wait(10) == -9
        newer.communicate("")
        assert newer.returncode == 0, "nobody had a reason to end it"


def test_an_older_program_that_comes_late_does_nothing(tmp_path: Path) -> None:
    with begin(tmp_path, "late") as older:
        assert older.stdin
        assert older.stdout
        assert older.stdout.readline() == "begun\n"
        with holder_of(tmp_path) as newer:
            _, said = older.communicate("\n", timeout=10)
            assert older.returncode == 1
            assert f"process {newer.pid} works on {tmp_path}, for another controller" in said
            newer.communicate("")
            assert newer.returncode == 0


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
    with holder_of(tmp_path / "one") as one, holder_of(tmp_path / "two") as two:
        for process in (one, two):
            process.communicate("")
            assert process.returncode == 0


def test_a_slash_at_the_end_makes_no_difference(tmp_path: Path) -> None:
    with holder_of(tmp_path) as older, holder_of(f"{tmp_path}/"):
        assert older.wait(10) == -9


def test_a_program_has_its_own_name_again_afterwards(tmp_path: Path) -> None:
    def name() -> str:
        me = read_process(os.getpid())
        assert me
        return me.command

    before = name()
    with node_lock(str(tmp_path)):
        assert name() != before
    assert name() == before


def test_one_that_cannot_be_ended_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock_module, "WAIT_SECONDS", 0.2)
    monkeypatch.setattr(lock_module, "send", lambda *_: None)
    monkeypatch.setattr(lock_module, "_age", lambda process: process.pid == os.getpid())  # this one is the newest
    with holder_of(tmp_path) as older:
        with pytest.raises(NodeBusyError, match=f"process {older.pid} works on {tmp_path}"), node_lock(str(tmp_path)):
            pass
        older.communicate("")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can run programs as another user")
@pytest.mark.parametrize("age", [0, 1], ids=["older", "newer"])
def test_another_user_can_neither_be_in_the_way_nor_be_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, age: int
) -> None:
    """Whatever name the process of another user takes, and whichever of the two is the newer one."""
    mark = lock_module._mark(str(tmp_path))
    words = ["sh", "-c", f"printf {mark} > /proc/self/comm; printf {mark} > /proc/$$/comm; echo; read _"]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, user=NOBODY) as foreign:
        assert foreign.stdout
        foreign.stdout.readline()
        assert [p.pid for p in all_processes() if p.command == mark] == [foreign.pid]
        monkeypatch.setattr(lock_module, "_age", lambda process: (process.pid == foreign.pid) == age)
        with node_lock(str(tmp_path)):
            assert foreign.poll() is None
        foreign.communicate(b"\n")
        assert foreign.returncode == 0
