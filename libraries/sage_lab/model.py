"""What a lab is made of, as values: nodes, their health, and the result of a command."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal

from sage_lab.topology import Topology

Role = Literal["head", "worker", "spare"]
Become = Literal["sudo", "login", "none"]
"""How the lab gets to be root on a machine: by sudo, by logging in as root with the same key, or not at all."""
State = Literal["running", "paused", "stopped", "unknown"]
"""``unknown``: it does not answer, and nobody but the node itself could tell."""

CONTROL_NETWORK = "198.18.0"
CLUSTER_NETWORK = "198.18.1"
CONTROLLER = 1
FIRST_NODE = 10


@dataclass(frozen=True)
class LabNode:
    """One machine of the lab and its two addresses: the lab's own link and the cluster's.

    ``port`` is where its SSH server listens. A machine with one link only has the same address twice.
    """

    name: str
    role: Role
    control_address: str
    cluster_address: str
    port: int = 22

    @property
    def number(self) -> int:
        """The last part of both addresses."""
        return int(self.cluster_address.rpartition(".")[2])


@dataclass(frozen=True)
class Completed:
    """A command that ended. ``returncode`` is negative when a signal ended it."""

    argv: tuple[str, ...]
    returncode: int
    stdout: str
    stderr: str


@dataclass(frozen=True)
class NodeHealth:
    """How a node is, seen over the control link and from this machine. Sizes are in bytes."""

    name: str
    role: Role
    control_address: str
    cluster_address: str
    state: State
    ssh: bool
    plugged: bool
    memory_used: int
    memory_limit: int
    disk_used: int
    disk_size: int

    @classmethod
    def of(
        cls,
        node: LabNode,
        *,
        state: State,
        ssh: bool,
        plugged: bool,
        memory: tuple[int, int] = (0, 0),
        disk: tuple[int, int] = (0, 0),
    ) -> NodeHealth:
        """The health of a node; of memory and disk, what is used and how much there is."""
        addresses = (node.control_address, node.cluster_address)
        return cls(node.name, node.role, *addresses, state, ssh, plugged, *memory, *disk)

    def as_dict(self) -> dict[str, object]:
        """The same as plain values, for JSON."""
        return asdict(self)


def nodes_of(topology: Topology) -> tuple[LabNode, ...]:
    """The nodes of a topology in order: the head, the workers, the spares."""
    named: list[tuple[str, Role]] = [("head", "head")]
    named += [(f"worker-{number}", "worker") for number in range(1, topology.workers + 1)]
    named += [(spare, "spare") for spare in topology.spares]
    return tuple(
        LabNode(name, role, f"{CONTROL_NETWORK}.{number}", f"{CLUSTER_NETWORK}.{number}")
        for number, (name, role) in enumerate(named, start=FIRST_NODE)
    )
