"""The three test cases of the requirement, word for word."""

from __future__ import annotations

import time

import pytest

from sage_cluster import ClusterManager, ConfigManager, WorkerManager

pytestmark = pytest.mark.lab


def test_cluster_lifecycle(cluster_manager: ClusterManager) -> None:
    # 1. start the cluster
    result = cluster_manager.start_cluster()
    assert result.success

    # 2. its status
    status = cluster_manager.status_cluster()
    assert status.head_running
    assert len(status.active_workers) > 0

    # 3. stop the cluster
    result = cluster_manager.stop_cluster()
    assert result.success

    # 4. nothing is left
    status = cluster_manager.status_cluster()
    assert not status.head_running
    assert len(status.active_workers) == 0


def test_worker_failure_recovery(
    config_manager: ConfigManager, cluster_manager: ClusterManager, worker_manager: WorkerManager
) -> None:
    config_manager.set("recovery.enabled", True)  # the default

    # 1. start the cluster
    cluster_manager.start_cluster()

    # 2. a worker fails
    worker_manager.simulate_failure("worker-1")

    # 3. it is back with nobody calling anything
    time.sleep(30)
    status = cluster_manager.status_cluster()
    assert "worker-1" in status.active_workers

    assert cluster_manager.stop_cluster().success


def test_dynamic_configuration(cluster_manager: ClusterManager, config_manager: ConfigManager) -> None:
    # Only the head runs: one worker more is what is looked at.
    assert cluster_manager.head.start().success

    # 1. add a worker
    config_manager.add_worker_ssh_host("new-worker", 22)

    # 2. scale up
    result = cluster_manager.scale_cluster("add", "new-worker:22")
    assert result.success

    # 3. it has joined
    status = cluster_manager.status_cluster()
    assert "new-worker" in status.active_workers
