"""Work on many nodes at once: how long each took, and what became of it, as one result per node."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from sage_cluster.context import ClusterContext
from sage_cluster.errors import DefectError, RayStartError, SageError
from sage_cluster.model import NodeResult
from sage_cluster.nodes.spec import RayNode
from sage_cluster.ssh.pool import fan_out
from sage_cluster.waiting import Deadline

START_ATTEMPTS = 2
Answer = TypeVar("Answer")


def on_all(
    context: ClusterContext,
    nodes: Sequence[RayNode],
    work: Callable[[RayNode], Mapping[str, object]],
    *,
    doing: str,
    done: str,
    limit: int | None = None,
) -> tuple[NodeResult, ...]:
    """Do the work on every node, at most ``limit`` at once, else as many as ``ssh.max_connections`` says.

    A node's error, foreseen or not, becomes its failed result in the phase ``doing``; success is the phase ``done``.
    """

    def timed(node: RayNode) -> NodeResult:
        began = time.monotonic()
        context.report(node.name, doing)
        try:
            details = dict(work(node))
        except Exception as error:  # noqa: BLE001 - one node's defect must not hide what became of the others
            context.report(node.name, f"{doing} failed")
            foreseen = error if isinstance(error, SageError) else DefectError.of(error, node.name)
            return NodeResult(node.name, False, doing, time.monotonic() - began, str(foreseen))
        context.report(node.name, done)
        return NodeResult(node.name, True, done, time.monotonic() - began, details=details)

    results = []
    for _, result in fan_out(nodes, timed, limit or context.config.load().ssh.max_connections):
        if isinstance(result, SageError):
            raise result
        results.append(result)
    return tuple(results)


def start_with_retry(context: ClusterContext, node: RayNode, start: Callable[[float], Answer]) -> Answer:
    """Start Ray on a node within ``cluster.start_timeout`` seconds; once more when `ray start` itself failed there.

    ``start`` is given the seconds that are left. A raylet gives up when its agents need over 15 s, which happens on a
    busy machine and says nothing about the node. Raises NodeError, SshError.
    """
    deadline = Deadline(context.config.load().cluster.start_timeout)
    attempt = 1
    while True:
        try:
            return start(max(1.0, deadline.left()))
        except RayStartError as error:
            if attempt == START_ATTEMPTS or deadline.passed():
                raise
            context.journal.record("retry", node=node.name, error=str(error))
            context.report(node.name, "starting again")
            attempt += 1
