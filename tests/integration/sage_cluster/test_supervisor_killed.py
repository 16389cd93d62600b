"""A controller that is killed in the midst of its work, and a supervisor that is killed: the next one carries on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sage_cluster import ClusterManager, ConfigManager
from sage_lab import Lab
from tests.support.supervisor import states
from tests.support.waiting import wait_for

pytestmark = pytest.mark.lab

NODES = ("head", "worker-1", "worker-2")


@pytest.fixture
def manager(lab: Lab, tmp_path: Path) -> Iterator[ClusterManager]:
    path = tmp_path / "config.yaml"
    path.write_bytes(lab.config_path.read_bytes())
    manager = ClusterManager(ConfigManager(path))
    yield manager
    assert manager.stop_cluster(wait=60).success
    manager.close()


def killed_when_it_says(manager: ClusterManager, words: str, operation: str = "start") -> int:
    """Run `sage-cluster` and kill -9 it as soon as it says these words. Its pid."""
    path = manager.config.path
    command = [sys.executable, "-u", "-m", "sage_cluster.cli", "--config", str(path), operation]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        said = next((line for line in process.stdout if words in line), "")
        process.kill()
    assert said, f"it never said {words!r}"
    return process.pid


def check_torn(manager: ClusterManager, pid: int, operation: str = "start cluster") -> None:
    warnings = manager.status_cluster().warnings
    assert [w for w in warnings if w.startswith(f"'{operation}' of process {pid}, begun ")], warnings


def check_torn_is_told(manager: ClusterManager, pid: int) -> None:
    assert [w for w in manager.status_cluster().warnings if "did not end" in w] == []
    told = [e["reason"] for e in manager.operations.journal.last(500) if e["event"] == "torn"]
    assert told == [f"an operation of process {pid} did not end"]


def rays_at(lab: Lab, node: str) -> list[str]:
    """What runs there for Ray or for the managers."""
    listing = lab.run(node, ["ps", "-eo", "args"]).stdout.splitlines()
    return [line for line in listing if "/tmp/ray" in line]


@pytest.mark.parametrize("moment", ["head: starting", "head: running", "worker-1: starting"])
def test_a_start_after_a_killed_start_ends_well(lab: Lab, manager: ClusterManager, moment: str) -> None:
    pid = killed_when_it_says(manager, moment)
    check_torn(manager, pid)
    result = manager.start_cluster(wait=60)
    assert result.success, result.message
    status = manager.status_cluster()
    assert status.healthy
    assert status.strangers == ()
    for node in status.nodes:
        assert [p["role"] for p in node.processes].count("raylet") == 1
    check_torn_is_told(manager, pid)
    wait_for(lambda: set(states(manager).values()), {"running"}, 20)


@pytest.mark.parametrize("moment", ["head: starting", "worker-1: starting"])
def test_a_stop_after_a_killed_start_leaves_nothing_that_could_start(
    lab: Lab, manager: ClusterManager, moment: str
) -> None:
    pid = killed_when_it_says(manager, moment)
    check_torn(manager, pid)
    result = manager.stop_cluster(wait=60)
    assert result.success, result.message
    assert {node: rays_at(lab, node) for node in NODES} == {node: [] for node in NODES}
    check_torn_is_told(manager, pid)


def test_a_start_after_a_killed_stop_is_not_cleared_away(manager: ClusterManager) -> None:
    assert manager.start_cluster().success
    pid = killed_when_it_says(manager, "worker-1: stopping", "stop")
    check_torn(manager, pid, "stop cluster")
    result = manager.start_cluster(wait=60)
    assert result.success, result.message
    wait_for(lambda: manager.status_cluster().healthy, True, 5)
    check_torn_is_told(manager, pid)


def test_a_killed_supervisor_is_missed_and_the_next_start_begins_another(manager: ClusterManager) -> None:
    assert manager.start_cluster().success
    assert manager.status_cluster().warnings == ()
    pid = manager.supervision.pid()
    os.kill(pid, signal.SIGKILL)
    wait_for(manager.supervision.is_running, False, 5)
    (warning,) = manager.status_cluster().warnings
    assert warning.startswith(f"no supervisor, though recovery is on (process {pid} was killed)")
    assert manager.start_cluster().success
    assert manager.supervision.is_running()
    assert manager.status_cluster().warnings == ()
