"""Machines that exist already: nothing is made, nothing is installed, and they stay when the lab goes."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from sage_lab import files
from sage_lab.errors import LabError, MachineError, NodeStateError, NotPossibleError
from sage_lab.inventory import Inventory, Machine
from sage_lab.model import Completed, LabNode, NodeHealth
from sage_lab.progress import Report, step
from sage_lab.providers import Ability, machine_health, sshd
from sage_lab.providers.ssh_access import Access, SshAccess
from sage_lab.providers.static import check

Result = TypeVar("Result")
LACKS: Mapping[Ability, str] = {
    Ability.POWER: "it needs the machine's hypervisor, or its power switch, which the lab does not have",
    Ability.FREEZE: "it needs the machine's hypervisor, which the lab does not have",
    Ability.UNPLUG: "it needs the machine's hypervisor, or a hand at its cable",
    Ability.PROCESS_LIMIT: "it needs the machine's hypervisor: from inside, the limit could not be lifted again",
    Ability.WRITE_PROTECTION: "it needs the machine's hypervisor: the lab mounts nothing on machines it did not make",
    Ability.CLOCK: "it needs the machine's hypervisor: the lab sets no clock of a machine that may serve others too",
    Ability.RESET: "it needs the machine's hypervisor, or a hand at its reset button",
    Ability.OWN_KERNEL: "it needs the machine's hypervisor: nobody else could bring it back from a panic",
    Ability.OWN_DISK: "it needs the machine's hypervisor, and a disk that only the lab uses",
    Ability.SSH_SERVER: "it would break the SSH server by which the lab itself reaches the machine",
    Ability.CLUSTER_LINK: "it needs a control_address for each machine, and a cluster link of the name cluster0",
}
_FACTS = "machines.json"
_LINK = "cluster0"


class StaticProvider:
    """The machines of one inventory."""

    name = "static"
    needs_root = False

    def __init__(self, lab: str, directory: Path, inventory: Inventory) -> None:
        del lab
        self._directory = directory
        self._inventory = inventory
        self.nodes = tuple(_node(one) for one in inventory.machines)
        self._ways = {one.name: SshAccess(_access(one, inventory)) for one in inventory.machines}

    def describe(self) -> Mapping[str, Any]:
        """Where the machines are now."""
        return {"addresses": [[node.cluster_address, node.control_address] for node in self.nodes]}

    def build(self, report: Report) -> None:
        """Check every machine and write the lab's files; puts nothing on a machine. MachineError names all faults."""
        with step(report, f"{len(self.nodes)} machines checked"):
            facts = check.check(self._inventory, self._ways)
        (self._directory / _FACTS).write_text(json.dumps(facts) + "\n", encoding="utf-8")
        files.write_static(self._directory, self._inventory)

    def enter(self) -> None:
        """The machines are reached from everywhere."""

    def inside(self, work: Callable[[], Result]) -> Result:
        """The machines are reached from everywhere."""
        return work()

    def outside(self, work: Callable[[], Result]) -> Result:
        """The machines are reached from everywhere."""
        return work()

    def lacks(self, ability: Ability) -> str:
        """Why these machines cannot do it; nothing when they can."""
        if ability is Ability.CLUSTER_LINK and self._has_cluster_link():
            return ""
        return LACKS.get(ability, "")

    def controller_address(self) -> str:
        """The address from which this machine reaches the head."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect((self.nodes[0].cluster_address, 9))  # sends nothing: only a route is chosen
            return str(probe.getsockname()[0])

    def python(self, node: LabNode) -> str:
        """The Python that the inventory names."""
        return self._inventory.machine(node.name).python

    def run(self, node: LabNode, argv: Sequence[str], *, user: str, timeout: float, stdin: str | None) -> Completed:
        """Run a command over SSH as root or as the inventory's user, who is called ``sage`` in every lab."""
        login = self._inventory.machine(node.name).user
        if user not in {"root", "sage", login}:
            raise LabError(f"no user {user!r} on the nodes", where=node.name, fix=f"use root or {login}")
        return self._ways[node.name].run(argv, root=user == "root", timeout=timeout, stdin=stdin)

    def power_off(self, node: LabNode) -> None:
        """Not possible."""
        self._cannot(node, Ability.POWER)

    def power_on(self, node: LabNode) -> None:
        """Not possible."""
        self._cannot(node, Ability.POWER)

    def unplug(self, node: LabNode) -> None:
        """Not possible."""
        self._cannot(node, Ability.UNPLUG)

    def plug(self, node: LabNode) -> None:
        """Not possible."""
        self._cannot(node, Ability.UNPLUG)

    def freeze(self, node: LabNode) -> None:
        """Not possible."""
        self._cannot(node, Ability.FREEZE)

    def thaw(self, node: LabNode) -> None:
        """Not possible."""
        self._cannot(node, Ability.FREEZE)

    def limit_processes(self, node: LabNode, most: int | None) -> None:
        """Not possible."""
        del most
        self._cannot(node, Ability.PROCESS_LIMIT)

    def write_protect(self, node: LabNode, directory: str, *, protect: bool) -> None:
        """Not possible."""
        del directory, protect
        self._cannot(node, Ability.WRITE_PROTECTION)

    def health(self) -> list[NodeHealth]:
        """How each machine is now, as it says itself; one that does not answer is ``unknown``."""
        answering = sshd.answering(self.inside, self.nodes)
        with ThreadPoolExecutor(max_workers=len(self.nodes)) as pool:
            return list(pool.map(lambda node: self._health(node, ssh=answering[node.name]), self.nodes))

    def _health(self, node: LabNode, *, ssh: bool) -> NodeHealth:
        try:
            sizes = machine_health.ask(self._ways[node.name])
        except (NodeStateError, MachineError):
            return NodeHealth.of(node, state="unknown", ssh=ssh, plugged=ssh)
        return NodeHealth.of(node, state="running", ssh=ssh, plugged=ssh, **sizes)

    def _has_cluster_link(self) -> bool:
        """Whether every machine has two ways to it, and the one for the cluster has the name that faults cut."""
        try:
            facts = json.loads((self._directory / _FACTS).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return False
        apart = all(node.control_address != node.cluster_address for node in self.nodes)
        return apart and all(_LINK in facts[node.name]["links"] for node in self.nodes)

    def _cannot(self, node: LabNode, ability: Ability) -> NoReturn:
        raise NotPossibleError(
            f"not possible on a machine that exists already: {LACKS[ability]}",
            where=node.name,
            fix="use a lab that makes its own machines: sage-lab up --provider container",
        )


def _node(machine: Machine) -> LabNode:
    address = _address(machine.name, machine.host)
    control = _address(machine.name, machine.control_address) if machine.control_address else address
    return LabNode(machine.name, machine.role, control, address, machine.port)


def _address(name: str, host: str) -> str:
    try:
        found = socket.getaddrinfo(host, None, socket.AF_INET, socket.SOCK_STREAM)
    except OSError as error:
        raise MachineError(
            f"the host {host!r} does not resolve: {error.strerror}",
            where=name,
            fix="write its address as 'host' in the inventory, or correct the name",
        ) from error
    return str(found[0][4][0])


def _access(machine: Machine, inventory: Inventory) -> Access:
    return Access(
        node=machine.name,
        address=machine.control_address or machine.host,
        port=machine.port,
        user=machine.user,
        key=machine.key,
        known_hosts=inventory.known_hosts,
        become=machine.become,
    )
