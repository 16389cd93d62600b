"""What faults left behind: every node compared with its state before."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from sage_lab.errors import NodeStateError
from sage_lab.faults.node_agent import ask
from sage_lab.lab import Lab

FREE_TOLERANCE = 32 * 1024**2
"""Bytes of the disk that a node may use more than before: logs and the like."""
CLOCK_TOLERANCE = 1.0
"""Seconds by which a node's clock may have moved against this machine's."""

_LISTS = {
    "tables": "nftables table",
    "legacy_tables": "iptables table",
    "queues": "queueing discipline",
    "mounts": "mount",
    "stopped": "stopped process",
    "leftovers": "file of a fault",
}


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
                observed = ask(lab, name, "observe", {})
                answered = time.time()
                clock = observed.pop("clock")
                # Somewhere in between it was read: on a busy machine that is long.
                seen |= {**observed, "clock": [clock - answered, clock - asked]}
            except NodeStateError:
                seen["state"] = "stopped"
        return seen

    with ThreadPoolExecutor(max_workers=len(health)) as pool:
        return Residue(dict(zip(health, pool.map(look, health), strict=True)))


def compare(before: Residue, after: Residue) -> list[str]:
    """A line for each thing that is not as it was; none when there is no residue."""
    lines: list[str] = []
    for name, old in before.nodes.items():
        new = after.nodes.get(name)
        if new is None:
            lines.append(f"{name}: the node is gone")
            continue
        lines += [f"{name}: {line}" for line in _node(old, new)]
    return lines


def _node(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    if new["state"] != old["state"]:
        return [f"the node is {new['state']}, it was {old['state']}"]
    lines = [] if new["plugged"] == old["plugged"] else [f"the cluster link is {_plug(new)}, it was {_plug(old)}"]
    if "tables" not in old or "tables" not in new:
        return lines
    for key, what in _LISTS.items():
        lines += [f"{what} left: {thing}" for thing in new[key] if thing not in old[key]]
        lines += [
            f"{what} lost: {thing}" for thing in old[key] if thing not in new[key] and key in {"mounts", "queues"}
        ]
    lines += [f"process left: {words}" for words in _new_processes(old["strangers"], new["strangers"])]
    if old["free"] - new["free"] > FREE_TOLERANCE:
        lines.append(f"{old['free'] - new['free']} bytes of the disk are not free any more")
    lines += [f"{path} is not as it was" for path, digest in old["files"].items() if new["files"].get(path) != digest]
    if old["process_limit"] != new["process_limit"]:
        lines.append(f"the limit of processes is {new['process_limit']}, it was {old['process_limit']}")
    if abs(moved := _moved(old["clock"], new["clock"])) > CLOCK_TOLERANCE:
        lines.append(f"the clock moved by {moved:+.1f} s or more")
    if old["sshd"] and not new["sshd"]:
        lines.append("nobody listens for SSH")
    return lines


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
