# ruff: noqa: ARG002 - whoever cannot do it needs no arguments
"""The kinds of machine that a lab can be made of: a provider makes machines, and a machine is worked with by itself."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from sage_lab import pace
from sage_lab.errors import UnsupportedError
from sage_lab.machine import namespaces
from sage_lab.model import Completed, LabNode, NodeHealth
from sage_lab.progress import Report

Result = TypeVar("Result")


class Capability(StrEnum):
    """What not every kind of machine can do, or bear; a provider without one says why."""

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
    SNAPSHOT = "snapshot"


@dataclass(frozen=True, kw_only=True)
class Machine(LabNode, ABC):
    """A node that can be worked with, by a path of its own that no fault of the cluster can cut.

    What the machines of a provider cannot do raises UnsupportedError with the reason. The lab's own work is done in
    the right place also when this process has entered the lab's network. Usable from any thread.
    """

    provider: Provider = field(repr=False, compare=False)

    @property
    @abstractmethod
    def python(self) -> str:
        """The path of the node's Python with Ray."""

    def run(
        self, argv: Sequence[str], *, user: str = "root", timeout: float = 30.0, stdin: str | None = None
    ) -> Completed:
        """Run a command as ``root`` or ``sage`` and wait for its end.

        ``timeout`` is in seconds on a node of pace 1, and so many times longer on a slower one. A failing command
        is no error; raises CommandTimeoutError (and kills the command on the node), or NodeStateError when the node
        is off or frozen.
        """
        return self._run(argv, user=user, timeout=timeout * pace.of(self.provider.directory), stdin=stdin)

    @abstractmethod
    def _run(self, argv: Sequence[str], *, user: str, timeout: float, stdin: str | None) -> Completed: ...

    @abstractmethod
    def health(self) -> NodeHealth:
        """How the node is now."""

    def power_off(self) -> None:
        """End the node as a cut of its power would; its disk stays. Off already is no error."""
        raise self.provider.unsupported(Capability.POWER, self.name)

    def power_on(self) -> None:
        """Start the node on its disk; /run, /dev/shm and its network are fresh. Waits for its SSH server.

        On already is no error.
        """
        raise self.provider.unsupported(Capability.POWER, self.name)

    def unplug(self) -> None:
        """Cut the node's cluster link, also over a power cut; the control link stays."""
        raise self.provider.unsupported(Capability.UNPLUG, self.name)

    def plug(self) -> None:
        """Join the node's cluster link again."""
        raise self.provider.unsupported(Capability.UNPLUG, self.name)

    def freeze(self) -> None:
        """Stop every process of the node where it is. Frozen already is no error; NodeStateError when it is off."""
        raise self.provider.unsupported(Capability.FREEZE, self.name)

    def thaw(self) -> None:
        """Let a frozen node go on. Running already is no error; NodeStateError when it is off."""
        raise self.provider.unsupported(Capability.FREEZE, self.name)

    def limit_processes(self, most: int | None) -> None:
        """Let the node have at most so many processes; as many as its topology says when nothing is given."""
        raise self.provider.unsupported(Capability.PROCESS_LIMIT, self.name)

    def write_protect(self, directory: str, *, protect: bool) -> None:
        """Let a directory of the node be read-only, or no more; what is open for writing already stays so."""
        raise self.provider.unsupported(Capability.WRITE_PROTECTION, self.name)

    def reset(self) -> None:
        """Press the node's reset button and wait until it answers over SSH."""
        raise self.provider.unsupported(Capability.RESET, self.name)

    def console(self) -> str:
        """All that the node's kernel wrote to its serial console."""
        raise self.provider.unsupported(Capability.OWN_KERNEL, self.name)

    def slow_disk(self, most: int | None) -> None:
        """Let the disk of Ray's files carry at most so many bytes in a second; any number when nothing is given."""
        raise self.provider.unsupported(Capability.OWN_DISK, self.name)


class Provider(ABC):
    """Makes the machines of one lab; its files lie in the lab's directory.

    What it makes it writes to the lab's ledger first; the sweep of the ledger removes it, so there is no
    method for that here.
    """

    name: ClassVar[str]
    """How the provider is chosen: ``container``, ``compose``, ``vagrant`` or ``static``."""
    needs_root: ClassVar[bool] = True
    """Whether this process has to be root."""
    reasons: ClassVar[Mapping[Capability, str]]
    """What its machines cannot do, and why."""
    machines: tuple[Machine, ...]
    """The head, the workers, the spares."""

    def __init__(self, lab: str, directory: Path) -> None:
        self.lab = lab
        self.directory = directory

    @abstractmethod
    def describe(self) -> Mapping[str, Any]:
        """What makes this lab another one than one with other words, as plain values."""

    @abstractmethod
    def build(self, report: Report) -> None:
        """Make all machines and wait until each answers over SSH; raises LabError."""

    @abstractmethod
    def controller_address(self) -> str:
        """The address by which the nodes see this machine over the cluster link."""

    def enter(self) -> None:
        """Let the calling thread, and what it starts from now on, reach the nodes, by address and by name."""
        namespaces.enter(self._network(), self.directory / namespaces.HOSTS, hidden=self.directory.parent)

    def inside(self, work: Callable[[], Result]) -> Result:
        """Do the work (sockets, not files) where the nodes can be reached, and return its result."""
        return work()

    def outside(self, work: Callable[[], Result]) -> Result:
        """Do the lab's own work where it is done, also when this process has entered the lab's network."""
        return work()

    def unsupported_reason(self, capability: Capability) -> str:
        """Why the machines cannot do it; nothing when they can."""
        return self.reasons.get(capability, "")

    def unsupported(self, capability: Capability, where: str) -> UnsupportedError:
        """The error of whoever asks for it all the same."""
        return UnsupportedError(
            f"{capability} is not possible here: {self.unsupported_reason(capability)}",
            where=where,
            fix="use a kind of lab that can: 'sage-lab faults matrix' shows what each can do",
        )

    def save(self, name: str) -> None:
        """Keep all machines as they are now, memory and disks, under a name; what was kept under it before goes."""
        raise self.unsupported(Capability.SNAPSHOT, self.lab)

    def rollback(self, name: str) -> None:
        """Bring all machines back to what was kept; their clocks tell today's time. LabError for an unknown name."""
        raise self.unsupported(Capability.SNAPSHOT, self.lab)

    def _network(self) -> Path | None:
        """The network namespace that whoever enters the lab joins, where the nodes have one of their own."""
        return None
