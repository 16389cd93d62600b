"""What faults left behind: every node compared with its state before."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sage_lab.errors import NodeStateError
from sage_lab.faults.agent import ask
from sage_lab.faults.on_node import observe
from sage_lab.lab import Lab

FREE_TOLERANCE = 32 * 1024**2
"""Bytes of the disk that a node may use more than before: logs and the like."""
CLOCK_TOLERANCE = 1.0
"""Seconds by which a node's clock may have moved against this machine's."""


class Origin(StrEnum):
    """Who brought what was left on a node."""

    TEST = "test"
    """The test itself, or the cluster: nobody else could."""
    LAB = "lab"
    """The lab: a fault was healed, and not all of it is gone."""
    UNKNOWN = "unknown"
    """It cannot be told."""


@dataclass(frozen=True)
class Leak:
    """One thing on a node that is not as it was."""

    node: str
    text: str
    origin: Origin

    def __str__(self) -> str:
        return f"{self.node}: {self.text}"


_LISTS = {
    "tables": "nftables table",
    "legacy_tables": "iptables table",
    "queues": "queueing discipline",
    "mounts": "mount",
    "stopped": "stopped process",
}
_BY_THE_LAB = re.compile(r"sage[-_](lab-)?fault| -I -S - ")  # names of faults, and how a node's agent is called


@dataclass(frozen=True)
class Residue:
    """The state of each node by its name, as ``on_node.observe`` tells it, with ``state`` and ``plugged``.

    ``clock`` is its distance to this machine's clock, at least and at most, in seconds.
    """

    nodes: Mapping[str, dict[str, Any]]


def snapshot(lab: Lab) -> Residue:
    """Look at all nodes at once. A node that is off or frozen has only its ``state`` and ``plugged``."""
    health = {node.name: node for node in lab.status()}

    def look(name: str) -> dict[str, Any]:
        seen: dict[str, Any] = {"state": health[name].state, "plugged": health[name].plugged}
        if health[name].state == "running":
            try:
                asked = time.time()
                observed = ask(lab, name, observe.observe, {})
                answered = time.time()
                clock = observed.pop("clock")
                # Somewhere in between it was read: on a busy machine that is long.
                seen |= {**observed, "clock": [clock - answered, clock - asked]}
            except NodeStateError:
                seen["state"] = "stopped"
        return seen

    with ThreadPoolExecutor(max_workers=len(health)) as pool:
        return Residue(dict(zip(health, pool.map(look, health), strict=True)))


def compare(before: Residue, after: Residue) -> list[Leak]:
    """Each thing that is not as it was; none when there is no residue."""
    leaks: list[Leak] = []
    for name, old in before.nodes.items():
        new = after.nodes.get(name)
        found = _node(old, new) if new is not None else [("the node is gone", Origin.TEST)]
        leaks += [Leak(name, text, origin) for text, origin in found]
    return leaks


def _node(old: dict[str, Any], new: dict[str, Any]) -> list[tuple[str, Origin]]:
    if new["state"] != old["state"]:
        return [(f"the node is {new['state']}, it was {old['state']}", Origin.TEST)]
    found: list[tuple[str, Origin]] = []
    if new["plugged"] != old["plugged"]:
        found.append((f"the cluster link is {_plug(new)}, it was {_plug(old)}", Origin.TEST))
    if "tables" not in old or "tables" not in new:
        return found
    for key, what in _LISTS.items():
        found += [(f"{what} left: {thing}", _origin(thing)) for thing in new[key] if thing not in old[key]]
        if key in {"mounts", "queues"}:
            found += [(f"{what} lost: {thing}", Origin.UNKNOWN) for thing in old[key] if thing not in new[key]]
    found += [
        (f"file of a fault left: {path}", Origin.LAB) for path in new["leftovers"] if path not in old["leftovers"]
    ]
    found += [(f"process left: {words}", _origin(words)) for words in _new_processes(old["foreign"], new["foreign"])]
    if old["free"] - new["free"] > FREE_TOLERANCE:
        found.append((f"{old['free'] - new['free']} bytes of the disk are not free any more", Origin.TEST))
    for path, digest in old["files"].items():
        if new["files"].get(path) != digest:
            found.append((f"{path} is not as it was", Origin.TEST if path.startswith("/home/") else Origin.LAB))
    if old["process_limit"] != new["process_limit"]:
        found.append((f"the limit of processes is {new['process_limit']}, it was {old['process_limit']}", Origin.LAB))
    if abs(moved := _moved(old["clock"], new["clock"])) > CLOCK_TOLERANCE:
        found.append((f"the clock moved by {moved:+.1f} s or more", Origin.LAB))
    if old["sshd"] and not new["sshd"]:
        found.append(("nobody listens for SSH", Origin.LAB))
    return found


def _origin(thing: str) -> Origin:
    """Whatever a fault makes has a name that tells; the cluster's user can make none of these things."""
    return Origin.LAB if _BY_THE_LAB.search(thing) else Origin.UNKNOWN


def _new_processes(old: dict[str, str], new: dict[str, str]) -> list[str]:
    """Processes that were not there; one that took the place of a like one, as after a reboot, is no new one."""
    replaced = Counter(words for identity, words in old.items() if identity not in new)
    appeared = Counter(words for identity, words in new.items() if identity not in old)
    return list((appeared - replaced).elements())


def _moved(old: list[float], new: list[float]) -> float:
    """By how many seconds a clock moved at least, from the bounds of its distance to this machine's clock."""
    return max(0.0, new[0] - old[1]) or min(0.0, new[1] - old[0])


def _plug(node: dict[str, Any]) -> str:
    return "plugged" if node["plugged"] else "unplugged"
