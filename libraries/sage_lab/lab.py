"""A lab: bring up, describe, work with its nodes, take down, sweep."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from sage_lab import files, fingerprint, pace
from sage_lab.errors import LabError, LabNotUpError, UnknownNodeError
from sage_lab.ledger import Ledger
from sage_lab.machine.commands import usual_umask
from sage_lab.machine.namespaces import need_root
from sage_lab.model import Completed, NodeHealth
from sage_lab.progress import Report, silent, step
from sage_lab.providers import Capability, Machine
from sage_lab.providers.registry import DEFAULT, Choice
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
    def nodes(self) -> tuple[Machine, ...]:
        """The head, the workers, the spares. Where machines are given their addresses, they have them when up."""
        return self._provider.machines

    def node(self, name: str) -> Machine:
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

    def unsupported_reason(self, capability: Capability) -> str:
        """Why the machines of this lab cannot do it; nothing when they can."""
        return self._provider.unsupported_reason(capability)

    @property
    def pace(self) -> float:
        """How many times slower than usual the nodes are; 1 or more. Every wait for them is so many times longer."""
        return pace.of(self.directory)

    @property
    def controller_address(self) -> str:
        """The address by which the nodes see this machine over the cluster link."""
        return self._provider.controller_address()

    def run(
        self, node: str, argv: Sequence[str], *, user: str = "root", timeout: float = 30.0, stdin: str | None = None
    ) -> Completed:
        """``Machine.run`` on the node of that name; raises UnknownNodeError too."""
        return self.node(node).run(argv, user=user, timeout=timeout, stdin=stdin)

    def save(self, snapshot: str) -> None:
        """Keep all nodes as they are now, memory and disks, under a name; what was kept under it before goes.

        Raises UnsupportedError unless the nodes are virtual machines.
        """
        self._provider.save(snapshot)

    def rollback(self, snapshot: str) -> None:
        """Bring all nodes back to what was kept; their clocks tell today's time. LabError for an unknown name."""
        self._provider.rollback(snapshot)

    def status(self) -> list[NodeHealth]:
        """How each node is now, in the order of ``nodes``."""
        with ThreadPoolExecutor(max_workers=len(self.nodes)) as pool:
            return list(pool.map(lambda node: node.health(), self.nodes))

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
            lambda text, timeout: self.run(head, [self.node(head).python, "-c", text], user="sage", timeout=timeout),
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
