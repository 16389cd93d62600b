"""Work on many nodes at once: how long each took, and what became of it, as one result per node."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from sage_cluster.errors import RayStartError, SageError
from sage_cluster.model import NodeResult
from sage_cluster.nodes.ray_node import RayNode, RayNodes
from sage_cluster.operations.progress import Report
from sage_cluster.ssh.pool import fan_out

START_ATTEMPTS = 2


def on_all(
    nodes: Sequence[RayNode],
    work: Callable[[RayNode], dict[str, Any]],
    *,
    doing: str,
    done: str,
    limit: int,
    report: Report,
) -> tuple[NodeResult, ...]:
    """Do the work on every node, at most ``limit`` at once.

    A node's SageError becomes its failed result in the phase ``doing``; success is the phase ``done``.
    """

    def timed(node: RayNode) -> NodeResult:
        began = time.monotonic()
        report(node.name, doing)
        try:
            details = work(node)
        except SageError as error:
            report(node.name, f"{doing} failed")
            return NodeResult(node.name, False, doing, time.monotonic() - began, str(error))
        report(node.name, done)
        return NodeResult(node.name, True, done, time.monotonic() - began, details=details)

    results = []
    for _, result in fan_out(nodes, timed, limit):
        if isinstance(result, SageError):
            raise result
        results.append(result)
    return tuple(results)


def start_with_retry(
    nodes: RayNodes,
    node: RayNode,
    *,
    session: str,
    fence: bool = False,
    recover: bool = False,
    head_versions: dict[str, str] | None = None,
    deadline: float,
    report: Report,
    record: Callable[..., None],
) -> dict[str, Any]:
    """Start Ray on a node; once more when `ray start` itself failed there.

    A raylet gives up when its agents need over 15 s, which happens on a busy machine and says nothing about the node.
    ``deadline`` is on the monotonic clock. Raises NodeError, SshError.
    """
    attempt = 1
    while True:
        try:
            left = max(1.0, deadline - time.monotonic())
            return nodes.start(
                node, session=session, fence=fence, recover=recover, head_versions=head_versions, timeout=left
            )
        except RayStartError as error:
            if attempt == START_ATTEMPTS or time.monotonic() >= deadline:
                raise
            record("retry", node=node.name, error=str(error))
            report(node.name, "starting again")
            attempt += 1
