"""Options of operations: named, and of the right type, before anything is done on a node."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sage_cluster import ClusterManager, ConfigManager, DeploymentManager, HeadManager, OperationResult, WorkerManager

MANAGERS = (ClusterManager, HeadManager, WorkerManager, DeploymentManager)
FIXED = {"action", "address", "host", "port", "workers"}
"""Parameters of SAGE's own signatures, and what an operation is about; ``force`` of stop_workers is SAGE's too."""


@pytest.fixture
def cluster(tmp_path: Path) -> ClusterManager:
    path = tmp_path / "config.yaml"
    path.write_text("head: {host: 192.0.2.1}\nworkers_ssh_hosts: worker-1\nssh: {user: me}\n")
    return ClusterManager(ConfigManager(path))


def operations() -> list[tuple[str, inspect.Signature]]:
    found = []
    for manager in MANAGERS:
        for name, method in inspect.getmembers(manager, inspect.isfunction):
            signature = inspect.signature(method, eval_str=True)
            if not name.startswith("_") and signature.return_annotation is OperationResult:
                found.append((f"{manager.__name__}.{name}", signature))
    return found


@pytest.mark.parametrize(("name", "signature"), operations(), ids=lambda value: value if isinstance(value, str) else "")
def test_every_option_has_to_be_named(name: str, signature: inspect.Signature) -> None:
    positional = {p.name for p in signature.parameters.values() if p.kind is p.POSITIONAL_OR_KEYWORD} - {
        "self",
        "result",
    }
    assert positional <= (FIXED | {"force"} if name == "WorkerManager.stop_workers" else FIXED)


def test_there_are_such_operations() -> None:
    assert len(operations()) > 12


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda c: c.workers.stop_workers(["worker-1"]), r"force was \['worker-1'\], should be True or False"),
        (
            lambda c: c.workers.stop_workers(names="worker-1"),
            "names was 'worker-1', should be a list of workers' names",
        ),
        (lambda c: c.workers.start_workers(fence="no"), "fence was 'no', should be True or False"),
        (lambda c: c.head.stop(force=60), "force was 60, should be True or False"),
        (lambda c: c.stop_cluster(wait="30"), "wait was '30', should be seconds"),
        (lambda c: c.stop_cluster(wait=True), "wait was True, should be seconds"),
        (lambda c: c.restart_cluster(rolling=1), "rolling was 1, should be True or False"),
        (lambda c: c.deployment.deploy(names="head"), "names was 'head', should be a list of workers' names"),
        (lambda c: c.head.stop(60), "positional argument"),
    ],
)
def test_a_wrong_type_is_refused_before_anything_is_done(
    cluster: ClusterManager, call: Callable[[ClusterManager], Any], message: str
) -> None:
    with pytest.raises(TypeError, match=message):
        call(cluster)
    assert not cluster.operations.journal.path.exists()


@pytest.mark.parametrize("wait", [float("nan"), float("inf"), -1.0])
def test_seconds_that_are_none_are_refused(cluster: ClusterManager, wait: float) -> None:
    with pytest.raises(ValueError, match="should be seconds from 0"):
        cluster.start_cluster(wait=wait)


@pytest.mark.parametrize(
    "section", ["output: {colors: maybe}", "monitor: 5", "daemon: {port: [x]}", "jobmanager: text"]
)
def test_what_nothing_here_reads_is_kept_and_not_judged(tmp_path: Path, section: str) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(f"{section}\n")
    manager = ConfigManager(path)
    assert manager.load().workers == ()
    manager.add_worker_ssh_host("worker-1")
    assert path.read_text().startswith(f"{section}\n")
