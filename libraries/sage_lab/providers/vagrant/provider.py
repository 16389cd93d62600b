"""Full virtual machines by Vagrant and libvirt, from the Vagrantfile of this project."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import yaml

from sage_lab import files
from sage_lab.errors import LabError, NodeNotReadyError, NodeStateError
from sage_lab.ledger import Ledger
from sage_lab.machine import commands, namespaces
from sage_lab.model import CONTROLLER, Completed, LabNode, NodeHealth, nodes_of
from sage_lab.progress import Report, step
from sage_lab.providers import Ability, free_networks, machine_health, sshd
from sage_lab.providers.vagrant import libvirt, write_protection
from sage_lab.providers.vagrant.acceleration import acceleration
from sage_lab.providers.vagrant.access import VmAccess
from sage_lab.providers.vagrant.hypervisor import Hypervisor
from sage_lab.topology import Topology

if TYPE_CHECKING:
    from sage_lab.providers.vagrant.command import VagrantCommand

Result = TypeVar("Result")
LACKS: Mapping[Ability, str] = {
    Ability.PROCESS_LIMIT: "a virtual machine has no limit of processes that could be set from outside of it",
    Ability.SSH_SERVER: "the lab itself gets to its machines by it",
}
PROJECT = Path(__file__).resolve().parents[4]
BATCH = max(1, (os.cpu_count() or 2) // 2)
"""So many machines boot at once: each has two processors."""
_ENVIRONMENT = "/opt/sage"
_NODES = "nodes.json"
_BOOT = {"kvm": 300.0, "qemu": 1200.0}
"""Seconds for a batch to come up, provisioned; with KVM and under software emulation."""
_READY = {"kvm": 60.0, "qemu": 600.0}
"""Seconds from power on until the SSH server answers."""
_GREET = {"kvm": 2.0, "qemu": 20.0}
"""Seconds that the SSH server of a healthy machine may take to greet."""
_CONSOLES = "console"


class VagrantProvider:
    """The virtual machines of one lab. Its networks and addresses are chosen when it is built."""

    name = "vagrant"
    needs_root = True

    def __init__(self, lab: str, directory: Path, topology: Topology) -> None:
        self._lab = lab
        self._directory = directory
        self._topology = topology
        self._ledger = Ledger(directory)
        self._made: dict[str, Any] = _read(directory / _NODES)
        self.nodes = tuple(self._addressed(node) for node in nodes_of(topology))
        self._domains = {node.name: libvirt.Domain(lab, node.name, _link(node)) for node in self.nodes}
        self._access = VmAccess(directory, self._made.get("login", {}))

    def describe(self) -> Mapping[str, Any]:
        """The box and the kind of acceleration that the environment asks for, and what makes the machines."""
        asked = {key: os.environ.get(key, "") for key in ("SAGE_BOX", "SAGE_ACCELERATION")}
        sources = [PROJECT / "Vagrantfile", *sorted((PROJECT / "provision" / "box" / "machine").glob("*.sh"))]
        return {**asked, "sources": hashlib.sha256(b"".join(file.read_bytes() for file in sources)).hexdigest()}

    def build(self, report: Report) -> None:
        """Bring the machines up, a batch at a time, and wait until each answers over SSH; raises LabError."""
        self._choose(report)
        files.make_key(self._directory / "keys" / files.USER, self._lab)
        (self._directory / _CONSOLES).mkdir(exist_ok=True)
        (self._directory / "topology.yaml").write_text(yaml.safe_dump(self._topology.as_dict()), encoding="utf-8")
        self._ledger.record("libvirt", self._lab)
        vagrant = self._vagrant(key_file=self._directory / "keys" / f"{files.USER}.pub")
        vagrant.on_line = lambda line: _tell(line, report)
        for start in range(0, len(self.nodes), BATCH):
            names = [node.name for node in self.nodes[start : start + BATCH]]
            with step(report, f"{', '.join(names)} up"):
                vagrant.up_together(names, timeout=_BOOT[self._made["driver"]] * len(names))
        with step(report, "addresses and host keys read"):
            self._learn(vagrant)
        with step(report, "all nodes answer over SSH"):
            self._wait(self.nodes)
            for node in self.nodes:
                self._access.check(node)

    def enter(self) -> None:
        """Let the calling thread, and what it starts from now on, know the nodes by their names."""
        namespaces.enter(None, self._directory / namespaces.HOSTS, hidden=self._directory.parent)

    def inside(self, work: Callable[[], Result]) -> Result:
        """The machines are reached from everywhere on this machine."""
        return work()

    def outside(self, work: Callable[[], Result]) -> Result:
        """The machines are reached from everywhere on this machine."""
        return work()

    def lacks(self, ability: Ability) -> str:
        """Why the machines cannot do it; nothing when they can."""
        return LACKS.get(ability, "")

    def controller_address(self) -> str:
        """This machine's end of the cluster link."""
        return f"{self._made['cluster']}.{CONTROLLER}"

    def python(self, node: LabNode) -> str:
        """The environment that provisioning makes, or that the box brings."""
        del node
        return f"{_ENVIRONMENT}/bin/python"

    def run(self, node: LabNode, argv: Sequence[str], *, user: str, timeout: float, stdin: str | None) -> Completed:
        """Run a command over SSH by the control link; NodeStateError when the node is off or frozen."""
        if (state := self._domains[node.name].state()) != "running":
            raise NodeStateError(f"the node is {state}", where=node.name, fix="power it on, or thaw it, first")
        return self._access.to(node, user).run(argv, root=user == "root", timeout=timeout, stdin=stdin)

    def power_off(self, node: LabNode) -> None:
        """Cut the power. Off already is no error."""
        self._domains[node.name].power_off()

    def power_on(self, node: LabNode) -> None:
        """Switch it on and wait for its SSH server. On already is no error."""
        self._domains[node.name].power_on()
        self._wait([node])

    def unplug(self, node: LabNode) -> None:
        """Pull the cable of the node's cluster link."""
        self._domains[node.name].plug(plugged=False)

    def plug(self, node: LabNode) -> None:
        """Plug the cable of the node's cluster link in."""
        self._domains[node.name].plug(plugged=True)

    def freeze(self, node: LabNode) -> None:
        """Stop the node's processors."""
        self._domains[node.name].freeze()

    def thaw(self, node: LabNode) -> None:
        """Let the node's processors go on."""
        self._domains[node.name].thaw()

    def limit_processes(self, node: LabNode, most: int | None) -> None:
        """Not possible."""
        del most
        raise LabError(LACKS[Ability.PROCESS_LIMIT], where=node.name)

    def write_protect(self, node: LabNode, directory: str, *, protect: bool) -> None:
        """By a mount of the directory over itself."""
        write_protection.write_protect(self._access.to(node, "root"), directory, protect=protect)

    @property
    def hypervisor(self) -> Hypervisor:
        """What only virtual machines can do."""
        return Hypervisor(self.nodes, self._domains, self._access, self._console, self._wait)

    def health(self) -> list[NodeHealth]:
        """How each machine is now: as libvirt says, and what a running one says of itself."""
        ways = {node.name: self._access.to(node, files.USER) for node in self.nodes}
        return machine_health.of_all(self.nodes, self._domains, ways, greet=_GREET[self._made["driver"]])

    def _wait(self, nodes: Sequence[LabNode]) -> None:
        sshd.wait(self.inside, nodes, deadline=_READY[self._made["driver"]])

    def _console(self, node: str) -> Path:
        return self._directory / _CONSOLES / f"{libvirt.prefix_of(self._lab)}{node}.console.log"

    def _choose(self, report: Report) -> None:
        """What is known before any machine is made: how they are run, and on which networks."""
        driver = os.environ.get("SAGE_ACCELERATION") or acceleration(report)
        if driver not in _BOOT:
            raise LabError(f"SAGE_ACCELERATION is {driver!r}", where="environment", fix=f"use {' or '.join(_BOOT)}")
        control, cluster = free_networks.choose(2, libvirt.networks())
        self._remember({"driver": driver, "control": control, "cluster": cluster, "addresses": {}})

    def _learn(self, vagrant: VagrantCommand) -> None:
        """Where the control link reached each machine, and its host key."""
        addresses, login = {}, {}
        for node in self.nodes:
            found = vagrant.login_of(node.name)
            addresses[node.name], login = found["HostName"], {"user": found["User"], "key": found["IdentityFile"]}
        self._remember({**self._made, "addresses": addresses, "login": login})
        keys = []
        for node in self.nodes:
            said = commands.run(["ssh-keyscan", "-T", "30", "-t", "ed25519", node.control_address]).stdout.splitlines()
            if not (found_keys := [line for line in said if " ssh-ed25519 " in line]):
                raise NodeNotReadyError(
                    "its SSH server has no ed25519 host key", where=node.name, fix="see its console"
                )
            keys.append(found_keys[0].partition(" ")[2])
        controller = {
            "controller": self.controller_address(),
            "controller-control": f"{self._made['control']}.{CONTROLLER}",
        }
        files.write_all(
            self._directory,
            self.nodes,
            keys,
            controller=controller,
            environment_home=_ENVIRONMENT,
            # Under software emulation it does not come up in the time that Ray gives it.
            dashboard=self._made["driver"] == "kvm",
        )

    def _remember(self, made: dict[str, Any]) -> None:
        self._made = made
        self._access = VmAccess(self._directory, made.get("login", {}))
        (self._directory / _NODES).write_text(json.dumps(made, indent=1) + "\n", encoding="utf-8")
        self.nodes = tuple(self._addressed(node) for node in self.nodes)

    def _addressed(self, node: LabNode) -> LabNode:
        if not self._made:
            return node
        control = self._made["addresses"].get(node.name, node.control_address)
        return replace(node, control_address=control, cluster_address=f"{self._made['cluster']}.{node.number}")

    def _vagrant(self, key_file: Path) -> VagrantCommand:
        # Where there is no Vagrant, python-vagrant warns when it is imported: that is for those who want Vagrant.
        from sage_lab.providers.vagrant.command import VagrantCommand  # noqa: PLC0415

        settings = {
            "SAGE_LAB": self._lab,
            "SAGE_TOPOLOGY": str(self._directory / "topology.yaml"),
            "SAGE_NETWORKS": f"{self._made['control']} {self._made['cluster']}",
            "SAGE_ACCELERATION": self._made["driver"],
            "SAGE_AUTHORIZED_KEY_FILE": str(key_file),
            "SAGE_CONSOLE": str(self._directory / _CONSOLES),
            # The locks and states of the machines go with the lab.
            "VAGRANT_DOTFILE_PATH": str(self._directory / "vagrant"),
        }
        return VagrantCommand(PROJECT, settings, self._directory / "vagrant.log")


def _tell(line: str, report: Report) -> None:
    """Of all that vagrant says, what tells how far a machine is."""
    machine, _, said = line.removeprefix("==> ").partition(": ")
    if line.startswith("==> ") and said.startswith(("Creating domain", "Waiting for SSH", "Machine booted")):
        report(f"{machine}: {said}")


def _link(node: LabNode) -> str:
    """The hardware address of the cluster link, as the Vagrantfile gives it."""
    return f"02:00:c6:13:01:{node.number:02x}"


def _read(path: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    return content
