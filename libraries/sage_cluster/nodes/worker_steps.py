"""What is done on workers: start, stop, remove; without lock and configuration changes, which are the manager's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sage_cluster.context import ClusterContext
from sage_cluster.errors import NodeError, SageError
from sage_cluster.model import NodeResult
from sage_cluster.nodes.agent import RayNodes
from sage_cluster.nodes.parallel import on_all, start_with_retry
from sage_cluster.nodes.spec import RayNode, head_node, worker_nodes
from sage_cluster.nodes.status import RayRows, node_status, probe_or_error
from sage_cluster.on_node.protocol import RayRow, Started


class WorkerSteps:
    """The work itself, on many nodes at once."""

    def __init__(self, context: ClusterContext) -> None:
        self._context = context
        self._nodes = RayNodes(context.pool)

    def start(self, nodes: Sequence[RayNode], *, fence: bool = False) -> tuple[NodeResult, ...]:
        """Start the workers that do not run in the head's session, and wait until Ray calls them ALIVE.

        With ``fence`` a raylet that runs is ended first: Ray has given it up. Raises NodeError without a head.
        """
        if not nodes:
            return ()
        config = self._context.config.load()
        head = head_node(config)
        view = self._nodes.probe(head, versions=config.cluster.version_check)
        head_raylet = view["raylet"]
        if head_raylet is None:
            raise NodeError("the head does not run", where=head.name, fix="start it: sage-cluster head start")

        def start(node: RayNode) -> Started:
            return start_with_retry(
                self._context,
                node,
                lambda seconds: self._nodes.start(
                    node,
                    session=head_raylet["session"],
                    fence=fence,
                    timeout=seconds,
                    head_versions=view.get("versions"),
                ),
            )

        limit = config.cluster.start_concurrency
        results = on_all(self._context, nodes, start, doing="starting", done="running", limit=limit)
        wanted = tuple(result.details["node_id"] for result in results if result.success)
        timeout = config.cluster.answer_timeout
        rows = self._nodes.ray_view(head, address=head_raylet["address"], await_alive=wanted, timeout=timeout)
        by_id = {row["node_id"]: row for row in rows}
        return tuple(_joined(result, by_id) for result in results)

    def stop(self, nodes: Sequence[RayNode], force: bool) -> tuple[NodeResult, ...]:
        """Stop the workers; by ``force`` without asking first."""
        grace = 0.0 if force else self._context.config.load().cluster.stop_timeout
        return on_all(
            self._context, nodes, lambda node: self._nodes.stop(node, grace=grace), doing="stopping", done="stopped"
        )

    def remove(self, node: RayNode, configured: bool) -> dict[str, Any]:
        """Drain a worker, wait for its work to end, and stop it. Raises NodeError, SshError."""
        config = self._context.config.load()
        head = head_node(config)
        view = probe_or_error(self._nodes, head)
        rows = [] if isinstance(view, SageError) else view.get("nodes", [])
        probe = probe_or_error(self._nodes, node)
        status = node_status(node, probe, RayRows(rows))
        if isinstance(probe, SageError):
            if status.ray_state == "ALIVE" or not configured:
                raise probe
            return {"drained": False, "note": "the node does not answer and Ray does not count on it"}
        if not configured and not status.processes:
            raise NodeError(
                "this worker is neither in the configuration nor in the cluster",
                where=node.name,
                fix=f"the workers are: {', '.join(n.name for n in worker_nodes(config)) or 'none'}",
            )
        if status.ray_state == "ALIVE" and not isinstance(view, SageError) and view["raylet"]:
            return self.drain_and_stop(node, view["raylet"]["address"], status.node_id)
        self._context.report(node.name, "stopping")
        return {"drained": False, **self._nodes.stop(node, grace=config.cluster.stop_timeout)}

    def drain_and_stop(self, node: RayNode, head_address: str, node_id: str) -> dict[str, Any]:
        """Let a worker that Ray calls ALIVE end its work, then stop it. Raises NodeError, SshError."""
        config = self._context.config.load()
        timeout = config.cluster.drain_timeout
        self._nodes.drain(head_node(config), address=head_address, node_id=node_id, timeout=timeout)
        drained = self._nodes.await_raylet_end(node, timeout)
        self._context.report(node.name, "stopping")
        return {"drained": drained, **self._nodes.stop(node, grace=config.cluster.stop_timeout)}


def _joined(result: NodeResult, rows: Mapping[str, RayRow]) -> NodeResult:
    """The result of a start, failed after all when Ray does not call the node ALIVE; ``rows`` by node id."""
    if not result.success:
        return result
    row = rows.get(result.details["node_id"])
    if row and row["state"] == "ALIVE":
        return result
    said = f"{row['state']}: {row['state_message']}" if row else "nothing"
    error = f"{result.name}: its raylet started, but Ray does not call it ALIVE; Ray says {said}"
    return replace(result, success=False, phase="joining", error=error)
