"""Nodes made of namespaces of this machine, whoever runs them: runc at once, or a container engine."""

from __future__ import annotations

import sys
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Protocol, TypeVar

from sage_lab import files
from sage_lab.errors import CommandTimeoutError, LabError, NodeStateError
from sage_lab.ledger import Ledger
from sage_lab.machine import commands, environment, lock, namespaces
from sage_lab.machine.namespaces import outside
from sage_lab.model import Completed, NodeHealth, State
from sage_lab.providers import Capability, Machine, Provider, sshd
from sage_lab.providers.container.layers import Layers
from sage_lab.topology import Topology

Result = TypeVar("Result")
STATES: Mapping[str, State] = {"running": "running", "paused": "paused"}
"""What runc and engines call the states of a container that is there; any other is ``stopped``."""


class User(NamedTuple):
    """A user of a node: name, number, home."""

    name: str
    number: int
    home: str

    @property
    def options(self) -> list[str]:
        """What runc and docker alike are told to run a command as this user."""
        known = {"HOME": self.home, "USER": self.name, "LOGNAME": self.name}
        variables = [word for name, value in known.items() for word in ("--env", f"{name}={value}")]
        return ["--user", f"{self.number}:{self.number}", *variables]


USERS = {user.name: user for user in (User("root", 0, "/root"), User("sage", 2000, "/home/sage"))}


class Runtime(Protocol):
    """Who runs the containers of one lab, each known by its node's name."""

    def look(self, node: str) -> tuple[State, int]:
        """The state of a container, and its first process as this machine numbers it; 0 when it is stopped."""

    def execute(self, node: str, user: User, argv: Sequence[str], *, timeout: float, stdin: str | None) -> Completed:
        """Run a command in the container; raises CommandTimeoutError after the command was killed."""

    def pause(self, node: str) -> None:
        """Stop every process of the container."""

    def resume(self, node: str) -> None:
        """Let a paused container go on."""

    def limit_processes(self, node: str, most: int) -> None:
        """Let the container have at most so many processes."""

    def memory(self, node: str, process: int) -> tuple[int, int]:
        """The bytes of memory that a running container uses, and its limit; ``process`` is its first."""


class NamespacedProvider(Provider):
    """What all labs of containers share: where their disks lie, what they see of this machine, what they cannot do."""

    reasons: ClassVar[Mapping[Capability, str]] = {
        Capability.CLOCK: "containers share the clock of this machine; it takes a virtual machine per node",
        Capability.RESET: "a container has no reset button; 'reboot' ends and starts it",
        Capability.OWN_KERNEL: "containers share the kernel of this machine; it takes a virtual machine per node",
        Capability.OWN_DISK: "containers share the disk of this machine; it takes a virtual machine per node",
        Capability.SNAPSHOT: "containers cannot be kept as they are; it takes a virtual machine per node",
    }
    runtime: Runtime

    def __init__(self, lab: str, directory: Path, topology: Topology) -> None:
        super().__init__(lab, directory)
        self.topology = topology
        self.ledger = Ledger(directory)
        self.layers = Layers(directory, self.ledger)

    def describe(self) -> Mapping[str, Any]:
        """The environment that the nodes share with this machine."""
        return {"environment": [sys.prefix, sys.base_prefix]}

    def make_keys(self) -> tuple[str, list[str]]:
        """Make all keys; returns the public ones of the cluster's user and of each node's SSH server."""
        keys = self.directory / "keys"
        places = [(keys / node.name / files.HOST_KEY, node.name) for node in self.machines]
        with ThreadPoolExecutor() as pool:
            user, *hosts = pool.map(files.make_key, *zip((keys / files.USER, self.lab), *places, strict=True))
        return user, hosts

    def outside(self, work: Callable[[], Result]) -> Result:
        """Do the work in the machine's own namespaces."""
        return namespaces.on_host(work)


@dataclass(frozen=True, kw_only=True)
class NamespacedMachine(Machine):
    """One container. Its power and its cable are another thing for each provider."""

    provider: NamespacedProvider = field(repr=False, compare=False)

    @property
    def python(self) -> str:
        """The nodes share this environment."""
        return environment.program("python")

    @outside
    def _run(self, argv: Sequence[str], *, user: str, timeout: float, stdin: str | None) -> Completed:
        if user not in USERS:
            raise LabError(f"no user {user!r} on the nodes", where=self.name, fix=f"use {' or '.join(USERS)}")
        try:
            ended = self.provider.runtime.execute(self.name, USERS[user], argv, timeout=timeout, stdin=stdin)
        except CommandTimeoutError as error:
            raise CommandTimeoutError.on(self.name, argv, timeout) from error
        if ended.returncode != 0:
            self._need("running", "run a command")
        return Completed(tuple(argv), ended.returncode, ended.stdout, ended.stderr)

    @outside
    def health(self) -> NodeHealth:
        """How the node is now: its container, its links, its memory and its disk."""
        state, process = self.provider.runtime.look(self.name)
        return NodeHealth.of(
            self,
            state=state,
            ssh=sshd.answers(self.provider.inside, self),
            plugged=self._plugged(process),
            memory=self.provider.runtime.memory(self.name, process) if process else (0, 0),
            disk=self.provider.layers.usage(self.name),
        )

    @outside
    def power_off(self) -> None:
        """Kill every process of the node at once, silently for its peers; its disk stays. Off already is no error."""
        with lock.hold(self.provider.directory.with_suffix(".lock")):
            self._end()

    @outside
    def power_on(self) -> None:
        """Start the node on its disk, with a fresh network, /run and /dev/shm. On already is no error."""
        with lock.hold(self.provider.directory.with_suffix(".lock")):
            if self._state() != "stopped":
                return
            self._begin()
        sshd.wait(self.provider.inside, [self])

    @outside
    def freeze(self) -> None:
        """Stop every process of the node where it is. Frozen already is no error."""
        if self._state() != "paused":
            self._need("running", "freeze it")
            self.provider.runtime.pause(self.name)

    @outside
    def thaw(self) -> None:
        """Let a frozen node go on. Running already is no error."""
        if self._state() != "running":
            self._need("paused", "thaw it")
            self.provider.runtime.resume(self.name)

    @outside
    def limit_processes(self, most: int | None) -> None:
        """Let the node have at most so many processes; as many as its topology says when nothing is given."""
        self.provider.runtime.limit_processes(self.name, most or self.provider.topology.processes)

    @outside
    def write_protect(self, directory: str, *, protect: bool) -> None:
        """Mount a directory of the node on itself, read-only, or undo that; done already is no error.

        Done from outside: on its own, a container may mount nothing.
        """
        process = self._need("running", "mount on it")
        mounted = Path(f"/proc/{process}/mountinfo").read_text(encoding="utf-8").splitlines()
        if protect == any(line[4] == directory and "ro" in line[5].split(",") for line in map(str.split, mounted)):
            return
        inside = ["nsenter", "--target", str(process), "--mount", "--pid", "--"]
        if protect:
            commands.run([*inside, "mount", "--bind", directory, directory])
            commands.run([*inside, "mount", "-o", "remount,bind,ro", directory])
        else:
            commands.run([*inside, "umount", "--lazy", directory])

    @abstractmethod
    def _begin(self) -> None:
        """Start the stopped container."""

    @abstractmethod
    def _end(self) -> None:
        """Kill all of the container at once, whatever its state."""

    @abstractmethod
    def _plugged(self, process: int) -> bool:
        """Whether the cable of the cluster link is plugged in; 0 is the process of a stopped container."""

    def _state(self) -> State:
        return self.provider.runtime.look(self.name)[0]

    def _need(self, wanted: State, what: str) -> int:
        """The node's first process; raises NodeStateError unless the node is as wanted."""
        state, process = self.provider.runtime.look(self.name)
        if state != wanted:
            raise NodeStateError(
                f"cannot {what}: the node is {state}, not {wanted}",
                where=self.name,
                fix="power it on, or thaw it, first",
            )
        return process
