"""A manager with a defect: a stop leaves the workers' processes, and says that it worked."""

from typing import Any

from sage_cluster.nodes import ray_node

true_stop = ray_node.RayNodes.stop


def half_a_stop(nodes: ray_node.RayNodes, node: ray_node.RayNode, *, grace: float) -> dict[str, Any]:
    if node.role == "worker":
        return {"stopped": [], "remaining": [], "cleared": []}
    return true_stop(nodes, node, grace=grace)


ray_node.RayNodes.stop = half_a_stop  # type: ignore[method-assign]
