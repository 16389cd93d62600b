"""Status tells what is really there when the node's view and Ray's view differ."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator

import pytest

from sage_cluster import ClusterManager, NodeState
from sage_cluster.errors import ClusterBusyError
from sage_lab import Lab
from tests.support.waiting import wait_for

pytestmark = pytest.mark.lab


@pytest.fixture(autouse=True)
def cluster_runs(cluster_manager: ClusterManager) -> None:
    result = cluster_manager.start_cluster()
    assert result.success, result.message


def signal_raylet(lab: Lab, cluster_manager: ClusterManager, node: str, name: str) -> None:
    processes = cluster_manager.status_cluster().node(node).processes
    pid = next(p["pid"] for p in processes if p["role"] == "raylet")
    assert lab.run(node, ["kill", f"-{name}", str(pid)]).returncode == 0


def state(cluster_manager: ClusterManager, node: str) -> NodeState:
    return cluster_manager.status_cluster().node(node).state


def test_unplugged_worker_is_cut_off_and_back_when_plugged_in(lab: Lab, cluster_manager: ClusterManager) -> None:
    cluster_manager.config.set("ssh.connect_timeout", 3)
    lab.node("worker-1").unplug()
    try:
        status = cluster_manager.status_cluster()
        assert status.node("worker-1").state is NodeState.CUT_OFF
        assert status.node("worker-1").ray_state == "ALIVE"
        assert "worker-1" in status.node("worker-1").problem
        assert status.active_workers == ["worker-2"]
    finally:
        lab.node("worker-1").plug()
    wait_for(lambda: state(cluster_manager, "worker-1"), NodeState.RUNNING, 20)


def test_stopped_raylet_is_hung_and_still_can_be_stopped(lab: Lab, cluster_manager: ClusterManager) -> None:
    signal_raylet(lab, cluster_manager, "worker-2", "STOP")
    assert state(cluster_manager, "worker-2") is NodeState.HUNG
    result = cluster_manager.workers.restart_workers(names=["worker-2"])
    assert result.success, result.message
    assert state(cluster_manager, "worker-2") is NodeState.RUNNING


def test_worker_of_a_dead_session_is_not_called_running_and_joins_the_new_one(cluster_manager: ClusterManager) -> None:
    old = cluster_manager.head.status().session
    assert cluster_manager.head.restart().success
    states = {node.name: node.state for node in cluster_manager.workers.status_workers()}
    assert NodeState.RUNNING not in states.values(), states

    result = cluster_manager.start_cluster()
    assert result.success, result.message
    status = cluster_manager.status_cluster()
    assert {node.session for node in status.nodes} == {status.head.session} != {old}


def test_killed_raylet_is_incomplete_or_stopped_and_starts_again(lab: Lab, cluster_manager: ClusterManager) -> None:
    assert cluster_manager.workers.simulate_failure("worker-1") > 0
    assert state(cluster_manager, "worker-1") in (NodeState.INCOMPLETE, NodeState.STOPPED)
    result = cluster_manager.start_cluster()
    assert result.success, result.message
    assert [node.details["already_running"] for node in result.nodes] == [True, False, True]


def test_a_node_that_nobody_configured_is_a_stranger(cluster_manager: ClusterManager) -> None:
    assert cluster_manager.scale_cluster("add", "new-worker").success
    cluster_manager.config.remove_worker_ssh_host("new-worker")
    try:
        assert cluster_manager.status_cluster().strangers == ("new-worker",)
    finally:
        assert cluster_manager.scale_cluster("remove", "new-worker").success
    assert cluster_manager.status_cluster().strangers == ()


def test_dashboard_info_and_logs(cluster_manager: ClusterManager) -> None:
    info = cluster_manager.cluster_info()
    assert info["dashboard"].endswith(":8265")
    assert info["active_workers"] == ["worker-1", "worker-2"]
    assert "raylet" in cluster_manager.workers.log("worker-1", "raylet.out", 5).lower()
    seen: list[str] = []
    follow = "echo a-new-line >> /tmp/ray/session_latest/logs/raylet.out"
    cluster_manager.workers.run_command("worker-1", 22, f"(sleep 1; {follow}) >/dev/null 2>&1 &")
    cluster_manager.workers.follow_log("worker-1", "raylet.out", seen.append, seconds=3)
    assert "a-new-line" in "".join(seen)


@pytest.fixture
def other_operation(cluster_manager: ClusterManager) -> Iterator[subprocess.Popen[str]]:
    """Another process in the middle of an operation on this cluster."""
    program = f"""
        import signal
        from pathlib import Path
        from sage_cluster.operations.operations import Operations
        with Operations(Path({str(cluster_manager.config.path)!r})).exclusive("polish cluster"):
            print("holding", flush=True)
            signal.pause()
    """
    process = subprocess.Popen([sys.executable, "-c", textwrap.dedent(program)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline().strip() == "holding"
    yield process
    if process.poll() is None:
        process.kill()
    process.wait()


def test_a_second_operation_is_refused_until_the_holder_dies(
    cluster_manager: ClusterManager, other_operation: subprocess.Popen[str]
) -> None:
    with pytest.raises(ClusterBusyError, match=rf"'polish cluster' by process {other_operation.pid} "):
        cluster_manager.start_cluster()
    assert cluster_manager.status_cluster().healthy  # looking is always allowed
    os.kill(other_operation.pid, signal.SIGKILL)
    other_operation.wait()
    assert cluster_manager.start_cluster().success
