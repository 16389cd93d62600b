"""What the cluster link of a node lets through, seen from the other end: the controller or another node."""

from __future__ import annotations

import contextlib
import random
import secrets
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from sage_lab.faults.agent import ask
from sage_lab.faults.errors import FaultError
from sage_lab.faults.on_node import exchange, knocking
from sage_lab.lab import Lab

CONTROLLER_NAME = "controller"
_SECONDS = 0.3
_PORTS = range(20000, 32000)
_PORT = threading.Lock()
"""Who looks at several nodes at once has a given port only once."""
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

    With a ``port``, both ends use it, one look at a time; else a free one by chance. ``size`` is in bytes, ``burst``
    per 10 ms. Raises FaultError when this machine's end cannot send.
    """
    with _PORT if port else contextlib.nullcontext():
        return _reach(lab, node, witness, port, seconds, size, burst)


def _reach(lab: Lab, node: str, witness: str, port: int, seconds: float, size: int, burst: int) -> Reach:
    there = (lab.node(node).cluster_address, port or random.choice(_PORTS))  # noqa: S311 - no secret
    here = (_address(lab, witness), port or random.choice(_PORTS))  # noqa: S311
    token = secrets.token_hex(8)
    spec = {"token": token, "size": size, "burst": burst, "seconds": seconds}
    with ThreadPoolExecutor(max_workers=2) as pool:
        remote = pool.submit(ask, lab, node, exchange.answer, {**spec, "local": there, "peer": here})
        if witness == CONTROLLER_NAME:
            try:
                own = lab.inside(lambda: exchange.exchange(here, there, token, remote.done, size=size, burst=burst))
            except OSError as error:
                raise FaultError(f"{error}: nothing was sent to {node}", where=f"controller, UDP {here[1]}") from error
        else:
            order = {**spec, "local": here, "peer": there, "seconds": seconds + _FOR_START}
            own = pool.submit(ask, lab, witness, exchange.answer, order).result()
        seen = remote.result()
    return Reach(into={**seen, "sent": own["sent"]}, out={**own, "sent": seen["sent"]})


def knock(lab: Lab, node: str) -> dict[str, str]:
    """What a TCP connection over the cluster link meets, in words: ``at`` the node's SSH server, and ``from`` it.

    From the node, another node's SSH server is tried.
    """
    other = next(one for one in lab.nodes if one.name != node)
    here, there = lab.node(node), {"address": other.cluster_address, "port": other.port}
    return {
        "at the node": lab.inside(lambda: knocking.knock(here.cluster_address, here.port)),
        "from the node": str(ask(lab, node, knocking.answer, there)["said"]),
    }


def _address(lab: Lab, witness: str) -> str:
    if witness == CONTROLLER_NAME:
        return lab.controller_address
    return lab.node(witness).cluster_address
