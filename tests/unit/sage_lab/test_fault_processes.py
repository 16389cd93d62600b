"""Processes are known by exact identity, never by a pattern of their command line."""

import os
import signal
import subprocess
import threading
from collections.abc import Iterator

import pytest

from sage_lab.faults.lease import end_fault_watcher
from sage_lab.faults.on_node import processes
from sage_lab.machine import commands


@pytest.mark.parametrize(
    ("role", "words"),
    [
        ("raylet", ["/x/ray/core/src/ray/raylet/raylet", "--node_id=1"]),
        ("gcs", ["/x/gcs_server"]),
        ("dashboard", ["/v/bin/python3", "/x/ray/dashboard/dashboard.py", "--port=1"]),
        ("dashboard", ["/v/bin/python3", "-u", "/x/ray/dashboard/dashboard.py"]),
        ("worker", ["ray::IDLE"]),
        ("worker", ["ray::Counter.add", ""]),
    ],
)
def test_a_role_is_known(role: str, words: list[str]) -> None:
    assert [one for one in ("raylet", "gcs", "dashboard", "worker") if processes.plays(one, words)] == [role]


@pytest.mark.parametrize(
    "words",
    [
        [],
        [""],
        ["vim", "raylet"],
        ["tail", "-f", "raylet.out"],
        ["vim", "/x/ray/dashboard/dashboard.py"],
        ["/v/bin/python3", "mine.py", "/x/ray/dashboard/dashboard.py"],
        ["ray::DashboardAgent"],
        ["ray::RuntimeEnvAgent"],
    ],
)
def test_who_only_mentions_a_role_has_none(words: list[str]) -> None:
    assert not any(processes.plays(role, words) for role in ("raylet", "gcs", "dashboard", "worker"))


def test_a_signal_reaches_that_very_process_only() -> None:
    child = subprocess.Popen(["sleep", "60"])
    try:
        start = processes.start_time(child.pid)
        assert not processes.send(child.pid, start + 1, signal.SIGKILL)
        assert processes.state(child.pid, start) in {"S", "R", "D"}
        assert processes.state(child.pid, start + 1) == ""
        assert processes.send(child.pid, start, signal.SIGKILL)
        assert child.wait(5) == -9
        assert not processes.send(child.pid, start, signal.SIGKILL)
    finally:
        child.kill()
        child.wait()


def test_ending_a_group_leaves_others() -> None:
    leader = subprocess.Popen(["sh", "-c", "sleep 60 & sleep 60"], start_new_session=True)
    try:
        start = processes.start_time(leader.pid)
        assert not processes.end_group(leader.pid, start + 1)
        assert leader.poll() is None
        assert processes.end_group(leader.pid, start)
        assert leader.wait(5) == -9
        assert processes.start_time(os.getpid())
    finally:
        leader.kill()
        leader.wait()


@pytest.fixture
def thread() -> Iterator[int]:
    """The number of a thread: it once was a process's, and now it is no process's."""
    end = threading.Event()
    running = threading.Thread(target=end.wait)
    running.start()
    yield running.native_id or 0
    end.set()
    running.join()


def test_a_thread_that_has_the_number_of_an_ended_process_is_not_taken_for_it(thread: int) -> None:
    start = processes.start_time(thread)
    assert commands.open_process(thread) is None
    assert not processes.send(thread, start, signal.SIGKILL)
    assert not end_fault_watcher(f"{thread} {start} fault")
