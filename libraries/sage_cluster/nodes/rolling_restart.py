"""Restart workers one after another: while one is away all others run, so that the cluster's work goes on."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from typing import Any

from sage_cluster.context import ClusterContext
from sage_cluster.errors import NodeError, SageError
from sage_cluster.model import NodeResult
from sage_cluster.nodes.agent import RayNodes
from sage_cluster.nodes.parallel import on_all
from sage_cluster.nodes.spec import RayNode, head_node
from sage_cluster.nodes.worker_steps import WorkerSteps
from sage_cluster.on_node.protocol import RayRow

WAITING = "waiting"
"""The phase of a worker whose turn did not come: it was not touched."""


class RollingRestart:
    """The restart of some workers, in which at most one is away at a time."""

    def __init__(self, context: ClusterContext) -> None:
        self._context = context
        self._nodes = RayNodes(context.pool)
        self._steps = WorkerSteps(context)

    def run(self, chosen: Sequence[RayNode], needed: Collection[str]) -> tuple[NodeResult, ...]:
        """Drain, stop and start each worker in turn; the next one's turn comes when Ray calls it ALIVE.

        A worker that is away already is only started, before the others have their turn. No worker is taken down while
        another of those ``needed`` (names) is away: from there on all stay as they are, and their results say why.
        """
        try:
            alive = {row["node_name"] for row in self._view()[1]}
        except SageError as error:
            return tuple(NodeResult(node.name, False, WAITING, error=str(error)) for node in chosen)
        results: dict[str, NodeResult] = {}
        held_up = ""
        for node in sorted(chosen, key=lambda one: one.name in alive):
            result = _left_alone(node, held_up) if held_up else self._turn(node, needed)
            results[node.name] = result
            if not result.success and not held_up:
                held_up = node.name
        return tuple(results[node.name] for node in chosen)

    def _turn(self, node: RayNode, needed: Collection[str]) -> NodeResult:
        began = time.monotonic()
        try:
            address, rows = self._view()
            by_name = {row["node_name"]: row for row in rows}
            row = by_name.get(node.name)
            if row:
                missing = [name for name in needed if name != node.name and name not in by_name]
                if missing:
                    return _left_alone(node, ", ".join(missing))
                self._context.journal.record("away", node=node.name)
                stopped = self._stop(node, address, row["node_id"])
                if not stopped.success:
                    return stopped
            started = self._steps.start([node])[0]
        except SageError as error:
            return NodeResult(node.name, False, "restarting", time.monotonic() - began, str(error))
        if started.success:
            self._context.journal.record("back", node=node.name, seconds=round(time.monotonic() - began, 3))
        return started

    def _stop(self, node: RayNode, address: str, node_id: str) -> NodeResult:
        def stop(_: RayNode) -> dict[str, Any]:
            return self._steps.drain_and_stop(node, address, node_id)

        return on_all(self._context, [node], stop, doing="draining", done="stopped")[0]

    def _view(self) -> tuple[str, list[RayRow]]:
        """The head's address, and the nodes that Ray calls ALIVE. Raises NodeError, SshError."""
        head = head_node(self._context.config.load())
        view = self._nodes.probe(head)
        if view["raylet"] is None:
            raise NodeError("the head does not run", where=head.name, fix="start it: sage-cluster head start")
        if "nodes" not in view:
            raise NodeError(
                f"Ray does not say who is alive: {view.get('ray_problem', 'no GCS runs')}",
                where=head.name,
                fix="look into gcs_server.out: sage-cluster head logs",
            )
        return view["raylet"]["address"], [row for row in view["nodes"] if row["state"] == "ALIVE"]


def _left_alone(node: RayNode, missing: str) -> NodeResult:
    error = f"{node.name}: not restarted, because {missing} is away\n  -> start what is away, then restart again"
    return NodeResult(node.name, False, WAITING, error=error)
