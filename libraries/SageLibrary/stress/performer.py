"""Does an operation of the model with the real managers."""

from __future__ import annotations

from dataclasses import dataclass

from sage_cluster import ClusterManager, OperationResult, SageError
from SageLibrary.stress.model import Deed, Operation
from SageLibrary.stress.observed import INTERVAL


@dataclass(frozen=True)
class Outcome:
    """How an operation ended, and what it said if it did not succeed."""

    success: bool
    said: str = ""


def perform(cluster: ClusterManager, operation: Operation, wait: float = 0.0) -> Outcome:
    """Do it. A refusal is an outcome like any other. ``wait``: seconds to wait for another operation to end."""
    try:
        result = _do(cluster, operation, wait)
    except SageError as error:
        return Outcome(False, str(error))
    if isinstance(result, OperationResult):
        return Outcome(result.success, result.message)
    return Outcome(result)


def _do(cluster: ClusterManager, operation: Operation, wait: float) -> OperationResult | bool:  # noqa: PLR0911
    worker = operation.worker
    match operation.deed:
        case Deed.START_ALL:
            return cluster.start_cluster(wait=wait)
        case Deed.STOP_ALL:
            return cluster.stop_cluster(wait=wait)
        case Deed.RESTART_ALL:
            return cluster.restart_cluster(wait=wait)
        case Deed.STATUS:
            cluster.status_cluster()
            return True
        case Deed.CONFIGURE:
            cluster.config.set(INTERVAL, operation.value)
            return True
        case Deed.WRITE:
            return cluster.config.add_worker_ssh_host(worker, 22)
        case Deed.KILL:
            return bool(cluster.workers.simulate_failure(worker))
        case Deed.ADD:
            return cluster.scale_cluster("add", worker, wait=wait)
        case Deed.REMOVE:
            return cluster.scale_cluster("remove", worker, wait=wait)
        case Deed.START:
            return cluster.workers.start_workers(names=[worker], wait=wait)
        case Deed.STOP:
            return cluster.workers.stop_workers(names=[worker], wait=wait)
        case Deed.RESTART:
            return cluster.workers.restart_workers(names=[worker], wait=wait)
