"""The dashboard has no login: by default the head alone reaches it, and a start proves all the same that it answers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sage_cluster import ClusterManager, NodeState

REACHED = "python3 -c 'import socket; socket.create_connection((\"head\", 8265), 3)'"


@pytest.fixture
def without_workers(cluster_manager: ClusterManager) -> Iterator[ClusterManager]:
    yield cluster_manager
    assert cluster_manager.head.stop().success


@pytest.mark.parametrize(("host", "from_outside"), [("127.0.0.1", False), ("localhost", False), ("0.0.0.0", True)])
def test_the_dashboard_is_asked_where_it_was_told_to_listen(
    without_workers: ClusterManager, host: str, from_outside: bool
) -> None:
    cluster = without_workers
    cluster.config.set("head.dashboard_host", host)
    result = cluster.head.start()
    assert result.success, result.message
    shown = cluster.head.status().address if from_outside else host
    assert cluster.head.dashboard()["url"] == f"http://{shown}:8265"
    assert cluster.status_cluster().head.state is NodeState.RUNNING
    assert cluster.cluster_info()["dashboard"] == f"http://{shown}:8265"
    assert (cluster.workers.run_command("worker-1", 22, REACHED).returncode == 0) is from_outside
