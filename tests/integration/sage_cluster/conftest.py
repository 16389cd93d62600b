"""One lab for all these tests: a head, two workers and a spare; the cluster is stopped after each module."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sage_cluster import ClusterManager, ConfigManager, WorkerManager
from sage_lab import Lab, Topology


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    lab = Lab.up(Topology.of(workers=2, spares=("new-worker",)), name="t-managers")
    lab.enter()
    yield lab
    lab.down()


@pytest.fixture
def config_manager(lab: Lab, tmp_path: Path) -> ConfigManager:
    """A configuration of the test's own, without a supervisor: what a test breaks stays broken."""
    path = tmp_path / "config.yaml"
    path.write_bytes(lab.config_path.read_bytes())
    manager = ConfigManager(path)
    manager.set("recovery.enabled", False)
    return manager


@pytest.fixture
def cluster_manager(config_manager: ConfigManager) -> Iterator[ClusterManager]:
    manager = ClusterManager(config_manager)
    yield manager
    manager.close()


@pytest.fixture
def worker_manager(cluster_manager: ClusterManager) -> WorkerManager:
    return cluster_manager.workers


@pytest.fixture(scope="module", autouse=True)
def stopped_afterwards(lab: Lab) -> Iterator[None]:
    yield
    manager = ClusterManager(ConfigManager(lab.config_path))
    manager.config.add_worker_ssh_host("new-worker", 22)
    assert manager.stop_cluster().success
    manager.config.remove_worker_ssh_host("new-worker", 22)
    manager.close()
