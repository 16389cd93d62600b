"""A manager with a defect: its status says that every node runs."""

from dataclasses import replace

from sage_cluster import ClusterManager, ClusterStatus, NodeState

true_status = ClusterManager.status_cluster


def rosy_status(manager: ClusterManager) -> ClusterStatus:
    status = true_status(manager)
    workers = tuple(replace(worker, state=NodeState.RUNNING) for worker in status.workers)
    return replace(status, head=replace(status.head, state=NodeState.RUNNING), workers=workers)


ClusterManager.status_cluster = rosy_status  # type: ignore[method-assign]
