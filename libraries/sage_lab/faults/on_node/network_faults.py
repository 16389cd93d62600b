"""Faults of the cluster link: a packet filter table of the fault's own, and a queueing discipline."""

from __future__ import annotations

import json
import subprocess
from typing import Any

from sage_lab.faults.on_node.effect import CannotError, Effect

LINK = "cluster0"
_TRIES = {
    "netem": (
        ["tc", "qdisc", "add", "dev", "lo", "root", "netem", "delay", "0ms"],
        ["tc", "qdisc", "delete", "dev", "lo", "root"],
    ),
    "nftables": (
        ["nft", "add", "table", "inet", "sage_fault_try"],
        ["nft", "delete", "table", "inet", "sage_fault_try"],
    ),
}


class Filtered(Effect):
    """Packets are filtered by ``rules`` (an nftables table named ``table``) and queued by ``queue`` (for tc)."""

    def prepare(self) -> dict[str, Any]:
        """A link has one root queue: a fault that needs it excludes another one."""
        taken = queues(LINK)
        if self.plan.get("queue") and taken:
            raise CannotError(f"{LINK} has a queueing discipline already: {', '.join(taken)}")
        return {}

    def begin(self) -> None:
        """Add the queue and the table."""
        if self.plan.get("queue"):
            _tool(["tc", "qdisc", "add", "dev", LINK, "root", *self.plan["queue"]])
        if self.plan.get("rules"):
            _tool(["nft", "-f", "-"], self.plan["rules"])

    def heal(self) -> None:
        """Remove this fault's table and queue only."""
        if self.plan.get("rules") and self.plan["table"] in tables():
            _tool(["nft", "delete", "table", "inet", self.plan["table"]])
        if self.plan.get("queue") and self.plan["queue"][0] in queues(LINK):
            _tool(["tc", "qdisc", "delete", "dev", LINK, "root"])


class LinkDown(Effect):
    """The node's interface of the cluster link is switched off; the addresses and routes that go with it come back."""

    def prepare(self) -> dict[str, Any]:
        """The routes over it, beyond those that the kernel makes by itself."""
        routes = json.loads(_tool(["ip", "-json", "route", "show", "dev", LINK]) or "[]")
        return {"routes": [route for route in routes if route.get("protocol") != "kernel"]}

    def begin(self) -> None:
        """Switch it off."""
        _tool(["ip", "link", "set", "dev", LINK, "down"])

    def heal(self) -> None:
        """Switch it on."""
        _tool(["ip", "link", "set", "dev", LINK, "up"])
        for route in self.plan["routes"]:
            via = ["via", route["gateway"]] if "gateway" in route else []
            _tool(["ip", "route", "replace", route["dst"], *via, "dev", LINK])

    def effective(self) -> str:
        """It is off."""
        return f"{LINK} is up" if _is_up() else ""

    def recovered(self) -> str:
        """It is on."""
        return "" if _is_up() else f"{LINK} is down"


def _is_up() -> bool:
    return "UP" in json.loads(_tool(["ip", "-json", "link", "show", "dev", LINK]))[0]["flags"]


def tables() -> list[str]:
    """The names of all nftables tables of this node."""
    listed = json.loads(_tool(["nft", "--json", "list", "tables"]) or "{}").get("nftables", [])
    return sorted(entry["table"]["name"] for entry in listed if "table" in entry)


def queues(link: str) -> list[str]:
    """The kinds of the link's queueing disciplines, without those that the kernel gives every link."""
    listed = json.loads(_tool(["tc", "-json", "qdisc", "show", "dev", link]) or "[]")
    return [entry["kind"] for entry in listed if entry["handle"] != "0:"]


def all_queues() -> list[str]:
    """Every queueing discipline of this node, as ``<link> <kind>``."""
    listed = json.loads(_tool(["tc", "-json", "qdisc", "show"]) or "[]")
    return sorted(f"{entry['dev']} {entry['kind']}" for entry in listed)


def try_kernel(order: dict[str, Any]) -> dict[str, Any]:
    """``refused``: what this kernel says to a harmless try of ``netem`` or ``nftables``; nothing when it can."""
    add, delete = _TRIES[order["what"]]
    try:
        _tool(add)
        _tool(delete)
    except CannotError as error:
        return {"refused": str(error)}
    return {"refused": ""}


def _tool(argv: list[str], text: str | None = None) -> str:
    done = subprocess.run(argv, input=text, capture_output=True, text=True, check=False, timeout=20)
    if done.returncode != 0:
        raise CannotError(f"{' '.join(argv)}: {done.stderr.strip() or done.returncode}")
    return done.stdout
