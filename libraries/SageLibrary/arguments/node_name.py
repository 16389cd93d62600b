"""Names of nodes in a suite, known to be right before any machine is touched."""

from __future__ import annotations

import difflib
import os
import re
from functools import cache
from pathlib import Path
from typing import Self

from sage_lab import Topology
from sage_lab.inventory import Inventory
from SageLibrary.arguments.spare import SPARE
from SageLibrary.arguments.vocabulary import nearest

TOPOLOGIES = Path(__file__).parents[3] / "resources/topologies"
USUAL = re.compile(r"head|worker-[1-9]\d*|new-worker(-[1-9]\d*)?")
EXAMPLES = ["head", *(f"worker-{number}" for number in range(1, 11)), SPARE]
MISSPELT = 0.75  # how alike a host and a node's name are, from 0 to 1, when the one is taken for the other


class NodeName(str):
    """A node's name: head, worker-1, worker-2 and so on, new-worker, a spare of a topology, a machine of an inventory.

    Topologies are the files in ``resources/topologies``, the inventory is what SAGE_LAB_INVENTORY names.
    """

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """head, worker-1, worker-2 and so on, new-worker, or a spare of a topology; ValueError for any other."""
        name = text.strip().lower()
        if is_node(name):
            return cls(name)
        raise ValueError(
            f"'{text}' is no node{nearest(text, names(), joined=True)} Nodes are: head, worker-1, worker-2 and so on, "
            f"{', '.join(_others())}"
        )


class Host(str):
    """A node's name, or any other host name or address; ``host:port`` where a port makes sense.

    What is nearly a node's name is taken for a mistake.
    """

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """A node's name, a host name or an address, or host:port; ValueError for what is nearly a node's name."""
        host, colon, port = text.strip().rpartition(":")
        name = host if colon and port.isdigit() else text.strip()
        near = difflib.get_close_matches(name.lower(), names(), n=1, cutoff=MISSPELT)
        if near and not is_node(name):
            raise ValueError(f"'{text}' is no node; did you mean '{near[0]}'?")
        return cls(text.strip())


def is_node(name: str) -> bool:
    """Whether a lab can have a node of this name."""
    return bool(USUAL.fullmatch(name)) or name in _others()


def names() -> list[str]:
    """Names to choose from; labs with more than ten workers have more."""
    return list(dict.fromkeys([*EXAMPLES, *_others()]))


@cache
def _others() -> tuple[str, ...]:
    found = [SPARE]
    for path in sorted(TOPOLOGIES.glob("*.yaml")):
        found += Topology.load(path).spares
    if inventory := os.environ.get("SAGE_LAB_INVENTORY"):
        found += [machine.name for machine in Inventory.load(inventory).machines]
    return tuple(dict.fromkeys(found))
