"""Start the head, and ask at once what a start of it has to prove: Ray calls it ALIVE, and its dashboard answers."""

from __future__ import annotations

import time
from typing import Any

from sage_cluster.on_node.ray_view import dashboard, ray_view
from sage_cluster.on_node.start import start


def start_head(spec: dict[str, Any]) -> dict[str, Any]:
    """As `start`, with Ray's ``nodes`` (see `ray_view`) once the head is ALIVE, or when ``timeout`` seconds passed
    since the beginning; and with the ``dashboard``'s answer where one is wanted. Raises RayDoesNotAnswerError too.
    """
    deadline = time.monotonic() + float(spec["timeout"])
    started = start(spec)
    address = started["address"]
    left = max(1.0, deadline - time.monotonic())
    gcs_address = f"{address}:{spec['head_port']}"
    asked = {**spec, "address": address, "gcs_address": gcs_address, "await_alive": [started["node_id"]]}
    nodes = ray_view({**asked, "timeout": left})["nodes"]
    return {**started, "nodes": nodes, "dashboard": dashboard(asked) if spec["dashboard"] else None}
