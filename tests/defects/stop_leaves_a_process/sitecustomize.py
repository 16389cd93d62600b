"""A manager with a defect: a stop leaves the workers' processes, and says that it worked."""

from typing import Any

from sage_cluster.nodes.agent import RayNodes
from sage_cluster.nodes.spec import RayNode

true_stop = RayNodes.stop


def half_a_stop(nodes: RayNodes, node: RayNode, *, grace: float) -> dict[str, Any]:
    if node.role == "worker":
        return {"stopped": [], "remaining": [], "cleared": []}
    return true_stop(nodes, node, grace=grace)


RayNodes.stop = half_a_stop  # type: ignore[method-assign]
