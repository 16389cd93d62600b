"""What the cluster link of a node lets through, seen from the other end: the controller or another node."""

from __future__ import annotations

import random
import secrets
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from sage_lab.faults.node_agent import ask
from sage_lab.faults.on_node import exchange
from sage_lab.lab import Lab
from sage_lab.model import CLUSTER_NETWORK, CONTROLLER

CONTROLLER_NAME = "controller"
_SECONDS = 0.3
_PORTS = range(20000, 32000)
_FOR_START = 0.6
"""Seconds by which the node's end may begin later than this one: both ends have to overlap."""


@dataclass(frozen=True)
class Reach:
    """What came through ``into`` the node and ``out`` of it, as ``exchange`` counts, with ``sent`` of the sender."""

    into: dict[str, Any]
    out: dict[str, Any]

    @property
    def passes(self) -> tuple[bool, bool]:
        """Whether anything came in, and out."""
        return self.into["received"] > 0, self.out["received"] > 0

    def __str__(self) -> str:
        return f"{self.into['received']} packets came in, {self.out['received']} out"


def reach(
    lab: Lab, node: str, witness: str, *, port: int = 0, seconds: float = _SECONDS, size: int = 64, burst: int = 1
) -> Reach:
    """Let the node and the witness (a node, or the controller) send each other datagrams for some seconds.

    With a ``port``, both ends use it; else a free one by chance. ``size`` is in bytes, ``burst`` per 10 ms.
    """
    there = (lab.node(node).cluster_address, port or random.choice(_PORTS))  # noqa: S311 - no secret
    here = (_address(lab, witness), port or random.choice(_PORTS))  # noqa: S311
    token = secrets.token_hex(8)
    spec = {"token": token, "size": size, "burst": burst, "seconds": seconds}
    with ThreadPoolExecutor(max_workers=2) as pool:
        remote = pool.submit(ask, lab, node, "exchange", {**spec, "local": there, "peer": here})
        if witness == CONTROLLER_NAME:
            own = lab.inside(
                lambda: exchange.exchange(here, there, token, remote.done, size=size, burst=burst),
            )
        else:
            order = {**spec, "local": here, "peer": there, "seconds": seconds + _FOR_START}
            own = pool.submit(ask, lab, witness, "exchange", order).result()
        seen = remote.result()
    return Reach(into={**seen, "sent": own["sent"]}, out={**own, "sent": seen["sent"]})


def _address(lab: Lab, witness: str) -> str:
    if witness == CONTROLLER_NAME:
        return f"{CLUSTER_NETWORK}.{CONTROLLER}"
    return lab.node(witness).cluster_address
