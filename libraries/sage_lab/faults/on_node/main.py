"""The entry point on a node: one piece of work and its order in, one answer out, both as JSON."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import Any

from sage_lab.faults.on_node import lease
from sage_lab.faults.on_node.effect import CannotError, Effect


def run(work: Callable[[dict[str, Any]], dict[str, Any]], order: str) -> str:
    """Do the work; a foreseen problem becomes ``{"problem": text}``, any other is raised."""
    try:
        return json.dumps(work(json.loads(order)))
    except CannotError as error:
        return json.dumps({"problem": str(error)})


def prepare(order: dict[str, Any]) -> dict[str, Any]:
    """The plan: the options, and what the effect adds to them."""
    return {"plan": {**order["plan"], **_effect(order).prepare()}}


def inject(order: dict[str, Any]) -> dict[str, Any]:
    """Arm the lease, then begin; answers when, in seconds of this node's monotonic clock."""
    effect = _effect(order)
    lease.arm(effect, float(order["lease"]))
    injected_at = time.monotonic()
    effect.begin()
    return {"injected_at": injected_at}


def heal(order: dict[str, Any]) -> dict[str, Any]:
    """Disarm the lease and undo the effect."""
    lease.disarm(order["fault"])
    _effect(order).heal()
    return {}


def effective(order: dict[str, Any]) -> dict[str, Any]:
    """``seen``: nothing when the effect is there, or what is seen instead."""
    return {"seen": _effect(order).effective()}


def recovered(order: dict[str, Any]) -> dict[str, Any]:
    """``seen``: nothing when the effect is over, or what is seen instead."""
    return {"seen": _effect(order).recovered()}


def _effect(order: dict[str, Any]) -> Effect:
    """The effect that the order names by its module and class."""
    module, name = order["effect"]
    kind: type[Effect] = getattr(sys.modules[module], name)
    return kind(order["fault"], order["plan"])
