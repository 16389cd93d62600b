"""Stop ends this cluster's processes, all of them, and nobody else's."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from sage_cluster import ClusterManager, NodeState
from sage_cluster.nodes.program import program
from sage_cluster.nodes.spec import head_node
from sage_cluster.ssh.pool import SshPool
from sage_lab import Lab
from tests.support.waiting import wait_for

pytestmark = pytest.mark.lab

AFTER_ITS_SSHD = 'while kill -0 $PPID 2>/dev/null; do sleep 0.05; done; "$@" 2>/dev/null; echo ended >/tmp/late'


@dataclass(frozen=True)
class Bystanders:
    """Processes on worker-1 that a careless manager would end, by what they are."""

    pids: dict[str, int]

    def alive(self, lab: Lab) -> set[str]:
        return {
            name for name, pid in self.pids.items() if lab.run("worker-1", ["kill", "-0", str(pid)]).returncode == 0
        }


@pytest.fixture
def bystanders(lab: Lab, cluster_manager: ClusterManager) -> Iterator[Bystanders]:
    assert cluster_manager.head.start().success
    assert cluster_manager.workers.start_workers(names=["worker-1"]).success
    ray = cluster_manager.config.get("remote.ray_command")
    second = (
        f"{ray} start --head --port=7000 --temp-dir=/tmp/other --node-ip-address=198.18.1.11 --num-cpus=1 "
        "--object-store-memory=80000000 --include-dashboard=false --ray-client-server-port=9999 "
        "--dashboard-agent-listen-port=52399 --disable-usage-stats >/tmp/other.log 2>&1; pgrep -u sage -x gcs_server"
    )
    commands = {
        "a second cluster": second,
        "an editor on dashboard.py": "setsid tail -f /dev/null dashboard.py >/dev/null 2>&1 & echo $!",
        "a reader of raylet.out": "setsid tail -F /tmp/ray/session_latest/logs/raylet.out >/dev/null 2>&1 & echo $!",
    }
    pids = {}
    for name, command in commands.items():
        done = lab.run("worker-1", ["sh", "-c", command], user="sage", timeout=60)
        assert done.returncode == 0, (name, done)
        pids[name] = int(done.stdout.split()[-1])
    yield Bystanders(pids)
    lab.node("worker-1").power_off()
    lab.node("worker-1").power_on()


def test_bystanders_live_on(lab: Lab, cluster_manager: ClusterManager, bystanders: Bystanders) -> None:
    result = cluster_manager.stop_cluster()
    assert result.success, result.message
    assert cluster_manager.status_cluster().node("worker-1").state is NodeState.STOPPED
    assert bystanders.alive(lab) == set(bystanders.pids)


def test_a_node_that_is_not_reached_is_not_called_stopped(lab: Lab, cluster_manager: ClusterManager) -> None:
    cluster_manager.config.set("ssh.connect_timeout", 3)
    assert cluster_manager.head.start().success
    lab.node("worker-2").power_off()
    try:
        result = cluster_manager.stop_cluster()
    finally:
        lab.node("worker-2").power_on()
    assert [node.name for node in result.failed] == ["worker-2"]
    assert "worker-2: the node does not answer" in result.message
    assert {node.name for node in result.nodes if node.success} == {"worker-1", "head"}


def test_force_stops_at_once_and_logs_are_kept(lab: Lab, cluster_manager: ClusterManager) -> None:
    assert cluster_manager.head.start().success
    session = cluster_manager.head.status().session
    result = cluster_manager.head.stop(force=True)
    assert result.success, result.message
    assert result.nodes[0].details["forced"]
    kept = lab.run("head", ["ls", f"/home/sage/.sage/logs/{session}"]).stdout
    assert "gcs_server.out" in kept
    assert "gcs" in cluster_manager.head.log("gcs_server.out", 3).lower()


def test_a_stop_that_comes_to_its_turn_when_its_controller_is_gone_stops_nothing(
    lab: Lab, cluster_manager: ClusterManager
) -> None:
    assert cluster_manager.head.start().success
    session = cluster_manager.head.status().session
    config = cluster_manager.config.load()
    node = head_node(config)
    text = program("sage_cluster.on_node.stop")
    late = [node.spec["python"], "-I", "-S", "/tmp/late.py", "stop", json.dumps({**node.spec, "grace": 5})]
    with SshPool(lambda: config.ssh) as pool:
        pool.run(node.target, ["sh", "-c", "cat > /tmp/late.py"], timeout=10, stdin=text)
        pool.connection(node.target).stream(["sh", "-c", AFTER_ITS_SSHD, "late", *late])
    wait_for(lambda: lab.run("head", ["cat", "/tmp/late"]).stdout, "ended\n", 20)
    assert cluster_manager.head.status().session == session != ""


def test_workers_need_a_head(cluster_manager: ClusterManager) -> None:
    assert cluster_manager.stop_cluster().success
    result = cluster_manager.scale_cluster("add", "worker-1")
    assert not result.success
    assert "the head does not run" in result.message
