"""The entrance on a node: one verb and one order in, one answer out, both as JSON."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

from sage_lab.faults.on_node import exchange, knocking, lease, network_faults, observe
from sage_lab.faults.on_node.clock_faults import DriftingClock, JumpedClock
from sage_lab.faults.on_node.descriptor_faults import FewDescriptors
from sage_lab.faults.on_node.device_faults import BrokenDisk
from sage_lab.faults.on_node.disk_faults import FullDisk, UnwritableDirectory
from sage_lab.faults.on_node.effect import CannotError, Effect
from sage_lab.faults.on_node.environment_faults import MovedAside, StaleSession, TakenPort, WrongRayVersion
from sage_lab.faults.on_node.network_faults import Filtered, LinkDown
from sage_lab.faults.on_node.process_faults import CrashLoop, Signalled
from sage_lab.faults.on_node.resource_faults import CpuHog, MemoryHog
from sage_lab.faults.on_node.ssh_faults import ChangedHostKey, FullSshd, NoSshd, StrangeSshd

EFFECTS: dict[str, type[Effect]] = {
    "signalled": Signalled,
    "crash-loop": CrashLoop,
    "filtered": Filtered,
    "link-down": LinkDown,
    "no-sshd": NoSshd,
    "strange-sshd": StrangeSshd,
    "changed-host-key": ChangedHostKey,
    "full-sshd": FullSshd,
    "full-disk": FullDisk,
    "unwritable-directory": UnwritableDirectory,
    "broken-disk": BrokenDisk,
    "jumped-clock": JumpedClock,
    "drifting-clock": DriftingClock,
    "cpu-hog": CpuHog,
    "memory-hog": MemoryHog,
    "few-descriptors": FewDescriptors,
    "taken-port": TakenPort,
    "stale-session": StaleSession,
    "moved-aside": MovedAside,
    "wrong-ray-version": WrongRayVersion,
}


def prepare(order: dict[str, Any]) -> dict[str, Any]:
    """The plan: the options, and what the effect adds to them."""
    return {"plan": {**order["plan"], **_effect(order).prepare()}}


def inject(order: dict[str, Any]) -> dict[str, Any]:
    """Arm the lease, then begin; answers when, in seconds of this node's monotonic clock."""
    effect = _effect(order)
    lease.arm(effect, float(order["lease"]))
    acted = time.monotonic()
    effect.begin()
    return {"acted": acted}


def heal(order: dict[str, Any]) -> dict[str, Any]:
    """Disarm the lease and undo the effect."""
    lease.disarm(order["fault"])
    _effect(order).heal()
    return {}


def look(order: dict[str, Any]) -> dict[str, Any]:
    """Whether the effect is there, or over; each nothing, or what is seen instead."""
    effect = _effect(order)
    return {"seen": effect.effective() if order["wanted"] == "effective" else effect.recovered()}


VERBS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "prepare": prepare,
    "inject": inject,
    "heal": heal,
    "look": look,
    "exchange": exchange.answer,
    "knock": knocking.answer,
    "observe": observe.observe,
    "cluster-processes": observe.cluster_processes,
    "try-kernel": network_faults.try_kernel,
}


def run(verb: str, order: str) -> str:
    """Do it; a foreseen problem becomes ``{"problem": text}``, any other is raised."""
    try:
        return json.dumps(VERBS[verb](json.loads(order)))
    except CannotError as error:
        return json.dumps({"problem": str(error)})


def _effect(order: dict[str, Any]) -> Effect:
    return EFFECTS[order["effect"]](order["fault"], order["plan"])
