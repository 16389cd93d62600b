"""Scaling: what joins, what leaves, what is refused, and what the configuration says afterwards."""

from __future__ import annotations

import json

import pytest

from sage_cluster import ClusterManager
from sage_lab import Lab

pytestmark = pytest.mark.lab


@pytest.fixture(autouse=True)
def head_runs(cluster_manager: ClusterManager) -> None:
    assert cluster_manager.head.start().success


def test_add_and_remove_change_cluster_and_configuration(cluster_manager: ClusterManager) -> None:
    added = cluster_manager.scale_cluster("add", "new-worker")
    assert added.success, added.message
    assert ("new-worker", 22) in cluster_manager.config.get_workers_ssh_hosts()
    assert cluster_manager.scale_cluster("add", "new-worker:22").success  # there already

    removed = cluster_manager.scale_cluster("remove", "new-worker:22")
    assert removed.success, removed.message
    assert removed.nodes[0].details["drained"]
    assert ("new-worker", 22) not in cluster_manager.config.get_workers_ssh_hosts()
    assert "new-worker" not in cluster_manager.status_cluster().active_workers


def test_running_work_ends_before_its_worker_goes(lab: Lab, cluster_manager: ClusterManager) -> None:
    assert cluster_manager.scale_cluster("add", "new-worker").success
    head = lab.node("head").cluster_address
    job = (
        "import json, socket, sys, time, ray\n"
        "from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy\n"
        "ray.init(address=sys.argv[1], logging_level='ERROR', log_to_driver=False)\n"
        "node = next(n['NodeID'] for n in ray.nodes() if n['NodeName'] == 'new-worker' and n['Alive'])\n"
        "@ray.remote(max_retries=0)\n"
        "def work():\n    time.sleep(4)\n    return socket.gethostname()\n"
        "task = work.options(scheduling_strategy=NodeAffinitySchedulingStrategy(node, soft=False)).remote()\n"
        "ready, _ = ray.wait([task], timeout=2)\n"
        "open('/tmp/job-runs', 'w').close()\n"
        "open('/tmp/job-answer', 'w').write(json.dumps(ray.get(task)))\n"
    )
    python = cluster_manager.config.get("head.python_path")
    launch = (
        f'rm -f /tmp/job-*; setsid {python} -c "$0" {head}:6379 >/tmp/job-log 2>&1 & '
        "while ! test -e /tmp/job-runs; do sleep 0.1; done"
    )
    assert lab.run("head", ["sh", "-c", launch, job], user="sage", timeout=60).returncode == 0

    removed = cluster_manager.scale_cluster("remove", "new-worker")
    assert removed.success, removed.message
    assert removed.nodes[0].details["drained"]

    wait = "until test -s /tmp/job-answer; do sleep 0.1; done; cat /tmp/job-answer"
    answer = lab.run("head", ["timeout", "20", "sh", "-c", wait], user="sage", timeout=30)
    assert answer.returncode == 0, lab.run("head", ["cat", "/tmp/job-log"]).stdout
    assert json.loads(answer.stdout) == "new-worker"


def test_a_worker_that_cannot_join_stays_out_of_the_configuration(cluster_manager: ClusterManager) -> None:
    before = cluster_manager.config.path.read_bytes()
    result = cluster_manager.scale_cluster("add", "no-such-node")
    assert not result.success
    assert "no-such-node" in result.message
    assert cluster_manager.config.path.read_bytes() == before


def test_removing_a_stranger_is_an_error_that_names_the_workers(cluster_manager: ClusterManager) -> None:
    result = cluster_manager.scale_cluster("remove", "new-worker")
    assert not result.success
    assert "worker-1, worker-2" in result.message


def test_a_dead_worker_can_be_removed(lab: Lab, cluster_manager: ClusterManager) -> None:
    lab.power_off("worker-2")
    try:
        result = cluster_manager.scale_cluster("remove", "worker-2")
        assert result.success, result.message
        assert cluster_manager.workers.list_workers() == ["worker-1"]
    finally:
        lab.power_on("worker-2")


def test_unknown_action_is_refused(cluster_manager: ClusterManager) -> None:
    with pytest.raises(ValueError, match="'add' or 'remove'"):
        cluster_manager.scale_cluster("grow", "new-worker")
