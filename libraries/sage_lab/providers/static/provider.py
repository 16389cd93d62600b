"""Machines that exist already: nothing is made, nothing is installed, and they stay when the lab goes."""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sage_lab import files
from sage_lab.errors import LabError, MachineError, NodeStateError
from sage_lab.inventory import Inventory, ListedMachine
from sage_lab.model import Completed, LabNode, NodeHealth
from sage_lab.progress import Report, step
from sage_lab.providers import Capability, Machine, Provider, free_networks, sshd
from sage_lab.providers.ssh_access import Access, SshAccess
from sage_lab.providers.static import check

REASONS: Mapping[Capability, str] = {
    Capability.POWER: "it needs the machine's hypervisor, or its power switch, which the lab does not have",
    Capability.FREEZE: "it needs the machine's hypervisor, which the lab does not have",
    Capability.UNPLUG: "it needs the machine's hypervisor, or a hand at its cable",
    Capability.PROCESS_LIMIT: "it needs the machine's hypervisor: from inside, the limit could not be lifted again",
    Capability.WRITE_PROTECTION: "it needs the machine's hypervisor: the lab mounts nothing on what it did not make",
    Capability.CLOCK: "it needs the machine's hypervisor: the lab sets no clock of a machine that may serve others too",
    Capability.RESET: "it needs the machine's hypervisor, or a hand at its reset button",
    Capability.OWN_KERNEL: "it needs the machine's hypervisor: nobody else could bring it back from a panic",
    Capability.OWN_DISK: "it needs the machine's hypervisor, and a disk that only the lab uses",
    Capability.SNAPSHOT: "it needs the machine's hypervisor",
    Capability.SSH_SERVER: "it would break the SSH server by which the lab itself reaches the machine",
    Capability.CLUSTER_LINK: "it needs a control_address for each machine, and a cluster link of the name cluster0",
}
_FACTS = "machines.json"
_LINK = "cluster0"


class StaticProvider(Provider):
    """The machines of one inventory, which are reached from everywhere."""

    name = "static"
    needs_root = False
    reasons = REASONS
    machines: tuple[ExistingMachine, ...]

    def __init__(self, lab: str, directory: Path, machines: Inventory) -> None:
        super().__init__(lab, directory)
        self._inventory = machines
        self.machines = tuple(
            ExistingMachine(**vars(_node(one)), provider=self, listed=one, connection=SshAccess(_access(one, machines)))
            for one in machines.machines
        )

    def describe(self) -> Mapping[str, Any]:
        """Where the machines are now."""
        return {"addresses": [[node.cluster_address, node.control_address] for node in self.machines]}

    def build(self, report: Report) -> None:
        """Check every machine and write the lab's files; puts nothing on a machine. MachineError names all faults."""
        with step(report, f"{len(self.machines)} machines checked"):
            facts = check.check(self._inventory, {machine.name: machine.connection for machine in self.machines})
        (self.directory / _FACTS).write_text(json.dumps(facts) + "\n", encoding="utf-8")
        files.write_static(self.directory, self._inventory)

    def enter(self) -> None:
        """There is nothing to enter."""

    def controller_address(self) -> str:
        """The address from which this machine reaches the head."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect((self.machines[0].cluster_address, 9))  # sends nothing: only a route is chosen
            return str(probe.getsockname()[0])

    def unsupported_reason(self, capability: Capability) -> str:
        """Why these machines cannot do it; nothing when they can."""
        if capability is Capability.CLUSTER_LINK and self._has_cluster_link():
            return ""
        return super().unsupported_reason(capability)

    def _has_cluster_link(self) -> bool:
        """Whether every machine has two links, and the one for the cluster has the name that faults cut."""
        facts = free_networks.recall(self.directory / _FACTS)
        apart = all(node.control_address != node.cluster_address for node in self.machines)
        return bool(facts) and apart and all(_LINK in facts[node.name]["links"] for node in self.machines)


@dataclass(frozen=True, kw_only=True)
class ExistingMachine(Machine):
    """A machine of the inventory, over SSH."""

    provider: StaticProvider = field(repr=False, compare=False)
    listed: ListedMachine = field(repr=False, compare=False)
    connection: SshAccess = field(repr=False, compare=False)

    @property
    def python(self) -> str:
        """The Python that the inventory names."""
        return self.listed.python

    def _run(self, argv: Sequence[str], *, user: str, timeout: float, stdin: str | None) -> Completed:
        """As root or as the inventory's user, who is called ``sage`` in every lab."""
        if user not in {"root", "sage", self.listed.user}:
            raise LabError(f"no user {user!r} on the nodes", where=self.name, fix=f"use root or {self.listed.user}")
        return self.connection.run(argv, root=user == "root", timeout=timeout, stdin=stdin)

    def health(self) -> NodeHealth:
        """How the machine is now, as it says itself; one that does not answer is ``unknown``."""
        ssh = sshd.answers(self.provider.inside, self)
        try:
            sizes = self.connection.sizes()
        except (NodeStateError, MachineError):
            return NodeHealth.of(self, state="unknown", ssh=ssh, plugged=ssh)
        return NodeHealth.of(self, state="running", ssh=ssh, plugged=ssh, **sizes)


def _node(machine: ListedMachine) -> LabNode:
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


def _access(machine: ListedMachine, listed: Inventory) -> Access:
    return Access(
        node=machine.name,
        address=machine.control_address or machine.host,
        port=machine.port,
        user=machine.user,
        key=machine.key,
        known_hosts=listed.known_hosts,
        become=machine.become,
    )
