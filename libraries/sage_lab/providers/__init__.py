"""The kinds of machine that a lab can be made of, behind one small interface."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import Any, Protocol, TypeVar

from sage_lab.model import Completed, LabNode, NodeHealth
from sage_lab.progress import Report

Result = TypeVar("Result")


class Ability(StrEnum):
    """What some faults need of the machines; a provider that lacks one says why."""

    POWER = "power"
    FREEZE = "freeze"
    UNPLUG = "unplug"
    PROCESS_LIMIT = "process limit"
    WRITE_PROTECTION = "write protection"
    CLUSTER_LINK = "cluster link"
    SSH_SERVER = "SSH server"
    CLOCK = "clock"
    RESET = "reset"
    OWN_KERNEL = "own kernel"
    OWN_DISK = "own disk"


CONTAINERS_LACK: Mapping[Ability, str] = {
    Ability.CLOCK: "containers share the clock of this machine; it takes a virtual machine per node",
    Ability.RESET: "a container has no reset button; 'reboot' ends and starts it",
    Ability.OWN_KERNEL: "containers share the kernel of this machine; it takes a virtual machine per node",
    Ability.OWN_DISK: "containers share the disk of this machine; it takes a virtual machine per node",
}
"""What no container can do, whoever runs it."""


class Provider(Protocol):
    """Makes nodes and works with them by a path of its own that no fault of the cluster can cut.

    What it makes it writes to the lab's ledger first; the sweep of the ledger removes it, so there is no
    method for that here.
    """

    name: str
    """How the provider is chosen: ``container``, ``compose``, ``vagrant`` or ``static``."""
    needs_root: bool
    """Whether this process has to be root."""
    nodes: tuple[LabNode, ...]
    """The nodes with their addresses: the head, the workers, the spares."""

    def describe(self) -> Mapping[str, Any]:
        """What makes this lab another one than one with other words, as plain values."""

    def build(self, report: Report) -> None:
        """Make all nodes and wait until each answers over SSH; raises LabError."""

    def enter(self) -> None:
        """Let this process reach the nodes, by address and by name; again is no harm."""

    def inside(self, work: Callable[[], Result]) -> Result:
        """Do the work (sockets, not files) where the nodes can be reached, and return its result."""

    def outside(self, work: Callable[[], Result]) -> Result:
        """Do the lab's own work where it is done, also when this process has entered the lab's network."""

    def lacks(self, ability: Ability) -> str:
        """Why these machines cannot do it; nothing when they can."""

    def controller_address(self) -> str:
        """The address by which the nodes see this machine over the cluster link."""

    def python(self, node: LabNode) -> str:
        """The path of the node's Python with Ray."""

    def run(self, node: LabNode, argv: Sequence[str], *, user: str, timeout: float, stdin: str | None) -> Completed:
        """Run a command on the node and wait for its end, at most ``timeout`` seconds."""

    def power_off(self, node: LabNode) -> None:
        """End the node as a cut of its power would; its disk stays."""

    def power_on(self, node: LabNode) -> None:
        """Start the node on its disk and wait until it answers over SSH."""

    def unplug(self, node: LabNode) -> None:
        """Cut the node's cluster link; the control link stays."""

    def plug(self, node: LabNode) -> None:
        """Join the node's cluster link again."""

    def freeze(self, node: LabNode) -> None:
        """Stop every process of the node where it is."""

    def thaw(self, node: LabNode) -> None:
        """Let a frozen node go on."""

    def limit_processes(self, node: LabNode, most: int | None) -> None:
        """Let the node have at most so many processes; as many as its topology says when nothing is given."""

    def write_protect(self, node: LabNode, directory: str, *, protect: bool) -> None:
        """Let a directory of the node be read-only, or no more."""

    def health(self) -> list[NodeHealth]:
        """How each node is now."""
