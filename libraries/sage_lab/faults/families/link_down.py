"""The cluster link goes away as a whole: its cable is pulled, or its interface is off."""

from __future__ import annotations

import socket

from sage_lab.faults.kinds import Family, FaultKind, Kind, Plan
from sage_lab.faults.means import ByLab, OnNode
from sage_lab.faults.reach import CONTROLLER_NAME, reach
from sage_lab.lab import Lab

_PATIENCE = 2.0


def _unplugged(lab: Lab, node: str, _: Plan) -> str:
    seen = reach(lab, node, CONTROLLER_NAME)
    return str(seen) if any(seen.passes) else ""


def _plugged(lab: Lab, node: str, _: Plan) -> str:
    seen = reach(lab, node, CONTROLLER_NAME)
    return "" if all(seen.passes) else str(seen)


def _connects(lab: Lab, node: str, _: Plan) -> str:
    """By TCP from here: a node whose interface is off may have no address to send from."""
    target = lab.node(node)
    address = (target.cluster_address, target.port)
    try:
        lab.inside(lambda: socket.create_connection(address, timeout=_PATIENCE).close())
    except OSError as error:
        return f"no connection over the cluster link: {error}"
    return ""


def _refuses(lab: Lab, node: str, plan: Plan) -> str:
    return "" if _connects(lab, node, plan) else "a connection over the cluster link stands"


KINDS = (
    Kind(
        FaultKind.UNPLUGGED,
        Family.LINK,
        "The cable of the targets' cluster link is pulled.",
        ByLab(
            begin=lambda lab, node, _: lab.node(node).unplug(),
            end=lambda lab, node, _: lab.node(node).plug(),
            effective_probe=_unplugged,
            recovered_probe=_plugged,
        ),
    ),
    Kind(
        FaultKind.INTERFACE_DOWN,
        Family.LINK,
        "The targets themselves switch the interface of their cluster link off.",
        OnNode("link-down", effective_probe=_refuses, recovered_probe=_connects),
    ),
)
