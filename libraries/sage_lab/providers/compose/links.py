"""The two links of a Compose node: its own ends by its network namespace, the cable by the engine's ends here."""

from __future__ import annotations

import json
import time
from typing import Any

from sage_lab.errors import LabError
from sage_lab.machine import commands

_LINKS = ("control0", "cluster0")
_DEADLINE = 5.0
_POLL = 0.02


def silence(process: int) -> None:
    """Take the node's own ends of both links down: when it dies, no farewell packet leaves it."""
    for link in _LINKS:
        commands.run([*_inside(process), "ip", "link", "set", "dev", link, "down"])


def plugged(process: int) -> bool:
    """Whether the node's cluster link has a carrier."""
    return "LOWER_UP" in _cluster_end(process)["flags"]


def plug(process: int, *, plugged_in: bool) -> None:
    """Pull the node's cluster cable or plug it in, here where the engine keeps it, and wait until the node sees it."""
    here = {link["ifindex"]: link["ifname"] for link in _links([])}
    other = _cluster_end(process)["link_index"]
    if other not in here:
        raise LabError(
            "the other end of its cluster link is not here",
            where=f"process {process}",
            fix="use the engine from the network namespace that it runs in",
        )
    commands.run(["ip", "link", "set", "dev", here[other], "up" if plugged_in else "down"])
    until = time.monotonic() + _DEADLINE
    while plugged(process) != plugged_in:
        if time.monotonic() >= until:
            raise LabError(
                f"the link does not change within {_DEADLINE:g} s: {_cluster_end(process)}",
                where=f"process {process}, link {here[other]}",
                fix=f"see it on this machine: ip link show {here[other]}",
            )
        time.sleep(_POLL)


def _cluster_end(process: int) -> dict[str, Any]:
    for link in _links(_inside(process)):
        if link["ifname"] == "cluster0":
            return link
    raise LabError("the node has no link cluster0 yet", where=f"process {process}", fix="wait until it is ready")


def _links(prefix: list[str]) -> list[dict[str, Any]]:
    links: list[dict[str, Any]] = json.loads(commands.run([*prefix, "ip", "-json", "link", "show"]).stdout)
    return links


def _inside(process: int) -> list[str]:
    return ["nsenter", f"--net=/proc/{process}/ns/net", "--"]
