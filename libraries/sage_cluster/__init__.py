"""The managers of a Ray cluster: one head, many workers, over SSH."""

from sage_cluster.cluster_manager import ClusterManager
from sage_cluster.config_manager import ConfigManager
from sage_cluster.deployment_manager import DeploymentManager
from sage_cluster.errors import SageError
from sage_cluster.head_manager import HeadManager
from sage_cluster.model import ClusterStatus, NodeResult, NodeState, NodeStatus, OperationResult
from sage_cluster.worker_manager import WorkerManager

__all__ = [
    "ClusterManager",
    "ClusterStatus",
    "ConfigManager",
    "DeploymentManager",
    "HeadManager",
    "NodeResult",
    "NodeState",
    "NodeStatus",
    "OperationResult",
    "SageError",
    "WorkerManager",
]
