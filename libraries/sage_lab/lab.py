"""A lab: bring up, describe, work with its nodes, take down, sweep."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from sage_lab import files, fingerprint, pace
from sage_lab.errors import LabError, LabNotUpError, UnknownNodeError
from sage_lab.ledger import Ledger
from sage_lab.machine.commands import usual_umask
from sage_lab.machine.namespaces import need_root
from sage_lab.model import Completed, LabNode, NodeHealth
from sage_lab.progress import Report, silent, step
from sage_lab.providers import Ability
from sage_lab.providers.registry import DEFAULT, Choice
from sage_lab.providers.vagrant.hypervisor import Hypervisor
from sage_lab.providers.vagrant.provider import VagrantProvider
from sage_lab.state import (
    DESCRIPTION,
    directory_of,
    locked,
    names,
    read_description,
    sweep,
    undo_all,
    write_description,
)
from sage_lab.topology import Topology

Result = TypeVar("Result")


class Lab:
    """A complete lab. Made by ``up`` or ``attach``; every method may be used from any thread."""

    def __init__(self, name: str, directory: Path, made_of: Topology | Choice) -> None:
        self.name = name
        self.directory = directory
        self._choice = made_of if isinstance(made_of, Choice) else Choice(made_of)
        self._provider = self._choice.make(name, directory)
        self.provider = self._provider.name
        self.topology = self._choice.topology
        self.config_path = directory / "config.yaml"
        self.ssh_config_path = directory / "ssh_config"
        self.key_path = directory / "keys" / "sage"
        self.known_hosts_path = directory / "known_hosts"

    @classmethod
    def up(
        cls,
        topology: Topology,
        name: str | None = None,
        report: Report = silent,
        *,
        provider: str = DEFAULT,
        inventory: str | Path | None = None,
    ) -> Lab:
        """Build the lab, or reuse it when it is there, the same, and healthy; anything else is swept first.

        ``provider`` says what kind of machine; ``static`` takes those of the ``inventory``, which has to have at
        least the workers and spares of the topology. ``report`` is told each step with its time. Raises LabError;
        what was made until then is removed.
        """
        directory = directory_of(name)
        lab = cls(directory.name, directory, Choice.of(topology, provider, inventory))
        if lab._provider.needs_root:
            need_root("building a lab")
        with locked(directory), usual_umask():
            lab._provider.outside(lambda: lab._bring_up(report))
        return lab

    @classmethod
    def attach(cls, name: str | None = None) -> Lab:
        """The lab that is up; raises LabNotUpError when there is none, or only a part of one."""
        directory = directory_of(name)
        description = read_description(directory)
        if description is None:
            known = ", ".join(names()) or "none"
            raise LabNotUpError(
                f"the lab {directory.name} is not up; labs on this machine: {known}",
                where=str(directory),
                fix=f"sage-lab up --name {directory.name}",
            )
        return cls(directory.name, directory, Choice.from_mapping(description, where=str(directory / DESCRIPTION)))

    @property
    def nodes(self) -> tuple[LabNode, ...]:
        """The head, the workers, the spares. Where machines are given their addresses, they have them when up."""
        return self._provider.nodes

    def node(self, name: str) -> LabNode:
        """The node of that name; raises UnknownNodeError naming those that exist."""
        for node in self.nodes:
            if node.name == name:
                return node
        raise UnknownNodeError(
            f"there is no node {name!r}",
            where=f"lab {self.name}",
            fix=f"nodes: {', '.join(node.name for node in self.nodes)}",
        )

    def enter(self) -> None:
        """Join the lab's network and resolve its names, from the calling thread on; again is no harm.

        Threads and processes that it starts later join too. The lab's own work goes on as before.
        """
        self._provider.enter()

    def inside(self, work: Callable[[], Result]) -> Result:
        """Do the work (sockets, not files) in the lab's network, in a thread of its own, and return its result."""
        return self._provider.inside(work)

    def lacks(self, ability: Ability) -> str:
        """Why the machines of this lab cannot do it; nothing when they can."""
        return self._provider.lacks(ability)

    @property
    def pace(self) -> float:
        """How many times slower than usual the nodes are; 1 or more. Every wait for them is so many times longer."""
        return pace.of(self.directory)

    @property
    def controller_address(self) -> str:
        """The address by which the nodes see this machine over the cluster link."""
        return self._provider.controller_address()

    def python(self, node: str) -> str:
        """The path of the node's Python with Ray."""
        return self._provider.python(self.node(node))

    def run(
        self,
        node: str,
        argv: Sequence[str],
        *,
        user: str = "root",
        timeout: float = 30.0,
        stdin: str | None = None,
    ) -> Completed:
        """Run a command on the node as ``root`` or ``sage``, by a path that no fault of the network cuts.

        ``timeout`` is in seconds on a node of pace 1, and so many times longer on a slower one. A failing command
        is no error; raises CommandTimeoutError (and kills the command on the node), UnknownNodeError, or
        NodeStateError when the node is off or frozen.
        """
        target = self.node(node)
        seconds = timeout * self.pace
        return self._provider.outside(lambda: self._provider.run(target, argv, user=user, timeout=seconds, stdin=stdin))

    def power_off(self, node: str) -> None:
        """End the node as a cut of its power would; its disk stays."""
        target = self.node(node)
        self._provider.outside(lambda: self._provider.power_off(target))

    def power_on(self, node: str) -> None:
        """Start the node on its disk; /run, /dev/shm and its network are fresh. Waits for its SSH server."""
        target = self.node(node)
        self._provider.outside(lambda: self._provider.power_on(target))

    def unplug(self, node: str) -> None:
        """Cut the node's cluster link; the control link stays."""
        target = self.node(node)
        self._provider.outside(lambda: self._provider.unplug(target))

    def plug(self, node: str) -> None:
        """Join the node's cluster link again."""
        target = self.node(node)
        self._provider.outside(lambda: self._provider.plug(target))

    def freeze(self, node: str) -> None:
        """Stop every process of the node where it is."""
        target = self.node(node)
        self._provider.outside(lambda: self._provider.freeze(target))

    def thaw(self, node: str) -> None:
        """Let a frozen node go on."""
        target = self.node(node)
        self._provider.outside(lambda: self._provider.thaw(target))

    def limit_processes(self, node: str, most: int | None) -> None:
        """Let the node have at most so many processes; as many as its topology says when nothing is given."""
        target = self.node(node)
        self._provider.outside(lambda: self._provider.limit_processes(target, most))

    def write_protect(self, node: str, directory: str, *, protect: bool) -> None:
        """Let a directory of the node be read-only, or no more; what is open for writing already stays so."""
        target = self.node(node)
        self._provider.outside(lambda: self._provider.write_protect(target, directory, protect=protect))

    @property
    def hypervisor(self) -> Hypervisor:
        """What only virtual machines can do; LabError when the nodes are none."""
        if isinstance(self._provider, VagrantProvider):
            return self._provider.hypervisor
        raise LabError("the nodes have no hypervisor", where=f"lab {self.name}", fix="sage-lab up --provider vagrant")

    def status(self) -> list[NodeHealth]:
        """How each node is now, in the order of ``nodes``."""
        return self._provider.outside(self._provider.health)

    def down(self) -> None:
        """Remove the lab and everything it made; gone already is no error."""
        sweep(self.name)

    def _bring_up(self, report: Report) -> None:
        if self._is_there():
            report(f"lab {self.name} is up already")
            return
        with step(report, "old state swept"):
            undo_all(self.directory)
        self.directory.mkdir(mode=0o700, parents=True)
        Ledger(self.directory).record("directory", self.directory)
        try:
            self._provider.build(report)
            self._keep_pace(report)
            write_description(self.directory, self._description())
        except BaseException as error:
            with _noting(error):
                undo_all(self.directory)
            raise

    def _keep_pace(self, report: Report) -> None:
        head = self.nodes[0].name
        slower = pace.measure(
            self.directory,
            head,
            lambda text, timeout: self.run(head, [self.python(head), "-c", text], user="sage", timeout=timeout),
        )
        if slower > 1:
            report(f"pace {slower:g}: every wait is so many times longer")
            files.be_patient(self.config_path, self.ssh_config_path, slower)

    def _is_there(self) -> bool:
        """Whether a lab like this is up, and all of its nodes are as they were built."""
        if read_description(self.directory) != self._description():
            return False
        if any((self.directory / "faults").glob("*.json")):
            return False
        try:
            health = self.status()
        except (LabError, OSError):
            return False
        return all(node.state == "running" and node.ssh and node.plugged for node in health)

    def _description(self) -> dict[str, object]:
        made_of = {**self._provider.describe(), "code": fingerprint.of_code()}
        return {"name": self.name, **self._choice.as_dict(), "made_of": made_of}


@contextlib.contextmanager
def _noting(error: BaseException) -> Iterator[None]:
    """Keep the first error the one that is raised, with the failure to clean up as a note."""
    try:
        yield
    except LabError as second:
        error.add_note(f"cleaning up failed too: {second}")
