"""Networks for a lab's links that no route and no network of libvirt uses already."""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from sage_lab.errors import LabError
from sage_lab.machine import commands

_POOL = ipaddress.IPv4Network("198.18.0.0/15")
"""Addresses kept for tests of network devices (RFC 2544): nobody's real network has them."""
_KEPT = 2
"""The first two are the container lab's own."""


def choose(count: int, libvirt_networks: str = "", routes: str | None = None) -> list[str]:
    """The first three numbers of so many free networks of 256 addresses, as in ``198.18.2``.

    ``libvirt_networks`` is the XML of libvirt's networks, ``routes`` what ``ip -json route`` says.
    Raises LabError when there are not so many.
    """
    said = commands.run(["ip", "-json", "route", "show", "table", "all"]).stdout if routes is None else routes
    used = [*_of_routes(said), *_of_libvirt(libvirt_networks)]
    free: list[str] = []
    for network in list(_POOL.subnets(new_prefix=24))[_KEPT:]:
        if not any(network.overlaps(other) for other in used):
            free.append(str(network.network_address).rpartition(".")[0])
        if len(free) == count:
            return free
    raise LabError(f"no {count} networks below {_POOL} are free", where="this machine", fix="see 'ip route'")


def _of_routes(said: str) -> Iterable[ipaddress.IPv4Network]:
    for route in json.loads(said):
        target = route["dst"]
        if target != "default" and ":" not in target:
            yield ipaddress.IPv4Network(target, strict=False)


def _of_libvirt(xml: str) -> Iterable[ipaddress.IPv4Network]:
    # Two attributes of one element; a whole XML reader would say no more.
    for address, mask in re.findall(r"<ip address='([\d.]+)' (?:netmask|prefix)='([\d.]+)'", xml):
        yield ipaddress.IPv4Network(f"{address}/{mask}", strict=False)


def recall(path: Path) -> dict[str, Any]:
    """What a lab chose and keeps in this file of its directory; nothing before it is built."""
    try:
        chosen: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    return chosen
