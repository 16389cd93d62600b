"""Start the head, and ask at once what a start of it has to prove: Ray calls it ALIVE, and its dashboard answers."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from sage_cluster.on_node.node_lock import alone
from sage_cluster.on_node.ray_view import ask_dashboard, ask_ray
from sage_cluster.on_node.start import start_ray

if TYPE_CHECKING:
    from sage_cluster.on_node.protocol import HeadStarted, StartSpec


@alone
def start_head(spec: StartSpec) -> HeadStarted:
    """As `start_ray`, with Ray's ``nodes`` (see `ray_view`) once the head is ALIVE, or when ``timeout`` seconds passed
    since the beginning; and with the ``dashboard``'s answer where one is wanted. Raises RayDoesNotAnswerError too.
    """
    deadline = time.monotonic() + spec["timeout"]
    started = start_ray(spec)
    address = started["address"]
    left = max(1.0, deadline - time.monotonic())
    nodes = ask_ray(spec, address, await_alive=[started["node_id"]], timeout=left)
    return {**started, "nodes": nodes, "dashboard": ask_dashboard(spec, address) if spec["dashboard"] else None}
