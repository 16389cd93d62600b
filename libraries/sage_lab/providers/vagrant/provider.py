"""Full virtual machines by Vagrant and libvirt, from the Vagrantfile of this project."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import yaml

from sage_lab import files
from sage_lab.errors import CommandTimeoutError, LabError, MachineError, NodeNotReadyError, NodeStateError
from sage_lab.ledger import Ledger
from sage_lab.machine import commands
from sage_lab.model import CONTROLLER, Completed, LabNode, NodeHealth, nodes_of
from sage_lab.progress import Report, step
from sage_lab.providers import Capability, Machine, Provider, free_networks, sshd
from sage_lab.providers.vagrant import libvirt, write_protection
from sage_lab.providers.vagrant.acceleration import acceleration
from sage_lab.providers.vagrant.access import VmAccess
from sage_lab.topology import Topology

if TYPE_CHECKING:
    from sage_lab.providers.vagrant.command import VagrantCommand

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
_ANSWER = 5
"""So many times as long as a greeting an answer may take."""
_SETTING = 60.0
_RAY_DISK = "vdb"
_CONSOLES = "console"


class VagrantProvider(Provider):
    """The virtual machines of one lab. Its networks and addresses are chosen when it is built."""

    name = "vagrant"
    reasons: ClassVar[Mapping[Capability, str]] = {
        Capability.PROCESS_LIMIT: "a virtual machine has no limit of processes that could be set from outside of it",
        Capability.SSH_SERVER: "the lab itself gets to its machines by it",
    }
    machines: tuple[VirtualMachine, ...]

    def __init__(self, lab: str, directory: Path, topology: Topology) -> None:
        super().__init__(lab, directory)
        self._topology = topology
        self._use(free_networks.recall(directory / _NODES))

    def describe(self) -> Mapping[str, Any]:
        """The box and the kind of acceleration that the environment asks for, and what makes the machines."""
        asked = {key: os.environ.get(key, "") for key in ("SAGE_BOX", "SAGE_ACCELERATION")}
        sources = [PROJECT / "Vagrantfile", *sorted((PROJECT / "provision" / "box" / "machine").glob("*.sh"))]
        return {**asked, "sources": hashlib.sha256(b"".join(file.read_bytes() for file in sources)).hexdigest()}

    def build(self, report: Report) -> None:
        """Bring the machines up, a batch at a time, and wait until each answers over SSH; raises LabError."""
        self._choose(report)
        files.make_key(self.directory / "keys" / files.USER, self.lab)
        (self.directory / _CONSOLES).mkdir(exist_ok=True)
        (self.directory / "topology.yaml").write_text(yaml.safe_dump(self._topology.as_dict()), encoding="utf-8")
        self._claim()
        vagrant = self._vagrant(key_file=self.directory / "keys" / f"{files.USER}.pub")
        vagrant.on_line = lambda line: _tell(line, report)
        for start in range(0, len(self.machines), BATCH):
            names = [node.name for node in self.machines[start : start + BATCH]]
            with step(report, f"{', '.join(names)} up"):
                vagrant.up_together(names, timeout=_BOOT[self._made["driver"]] * len(names))
        with step(report, "addresses and host keys read"):
            self._learn(vagrant)
        with step(report, "all nodes answer over SSH"):
            self.wait(self.machines)
            for node in self.machines:
                self.access.check(node)

    def controller_address(self) -> str:
        """This machine's end of the cluster link."""
        return f"{self._made['cluster']}.{CONTROLLER}"

    def save(self, name: str) -> None:
        """Keep all machines as they are now; they stand still while that is done."""
        for machine in self.machines:
            machine.freeze()
        try:
            self._at_once(lambda machine: machine.domain.save(name))
        finally:
            self._go_on()

    def rollback(self, name: str) -> None:
        """Bring all machines back to what was kept; their clocks tell today's time. LabError for an unknown name."""
        self._at_once(lambda machine: machine.domain.rollback(name))
        self._go_on()
        self.access.close()
        self.wait(self.machines)
        self._at_once(self._set_clock)

    def wait(self, nodes: Sequence[LabNode]) -> None:
        """Wait until the SSH servers of these answer; raises NodeNotReadyError."""
        sshd.wait(self.inside, nodes, deadline=_READY[self._made["driver"]])

    def greets_within(self) -> float:
        """Seconds that the SSH server of a healthy machine may take to greet."""
        return _GREET[self._made["driver"]]

    def console(self, node: str) -> Path:
        """The file of a machine's serial console."""
        return self.directory / _CONSOLES / f"{libvirt.name_of(self.lab, node)}.console.log"

    def _go_on(self) -> None:
        for machine in self.machines:
            machine.thaw()

    def _set_clock(self, machine: VirtualMachine) -> None:
        connection = self.access.to(machine, "root")
        connection.run(["true"], root=True, timeout=_SETTING)  # logs in; the next command is as quick as it can be
        connection.run(["date", "--utc", f"--set=@{time.time():.3f}"], root=True, timeout=_SETTING)

    def _at_once(self, work: Callable[[VirtualMachine], None]) -> None:
        with ThreadPoolExecutor(max_workers=len(self.machines)) as pool:
            list(pool.map(work, self.machines))

    def _claim(self) -> None:
        """Write down what Vagrant will make; the networks first, since they are undone after the machines."""
        domains = [libvirt.name_of(self.lab, node.name) for node in self.machines]
        networks = [libvirt.name_of(self.lab, link) for link in ("control", "cluster")]
        libvirt.need_free_names(domains, networks)
        for kind, names in (("libvirt-network", networks), ("libvirt-domain", domains)):
            for name in names:
                Ledger(self.directory).record(kind, name)

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
        for node in self.machines:
            found = vagrant.login_of(node.name)
            addresses[node.name], login = found["HostName"], {"user": found["User"], "key": found["IdentityFile"]}
        self._remember({**self._made, "addresses": addresses, "login": login})
        keys = []
        for node in self.machines:
            said = commands.run(["ssh-keyscan", "-T", "30", "-t", "ed25519", node.control_address]).stdout.splitlines()
            if not (found_keys := [line for line in said if " ssh-ed25519 " in line]):
                raise NodeNotReadyError(
                    "its SSH server has no ed25519 host key", where=node.name, fix="see its console"
                )
            keys.append(found_keys[0].partition(" ")[2])
        controller = files.controller_addresses(self._made["control"], self._made["cluster"])
        files.write_all(
            self.directory,
            self.machines,
            keys,
            controller=controller,
            environment_home=_ENVIRONMENT,
            # Under software emulation it does not come up in the time that Ray gives it.
            dashboard=self._made["driver"] == "kvm",
        )

    def _remember(self, made: dict[str, Any]) -> None:
        (self.directory / _NODES).write_text(json.dumps(made, indent=1) + "\n", encoding="utf-8")
        self._use(made)

    def _use(self, made: dict[str, Any]) -> None:
        self._made = made
        self.access = VmAccess(self.directory, made.get("login", {}))
        self.machines = tuple(
            VirtualMachine(
                **vars(self._addressed(node)),
                provider=self,
                domain=libvirt.Domain(self.lab, node.name, _link(node)),
            )
            for node in nodes_of(self._topology)
        )

    def _addressed(self, node: LabNode) -> LabNode:
        if not self._made:
            return node
        control = self._made["addresses"].get(node.name, node.control_address)
        return replace(node, control_address=control, cluster_address=f"{self._made['cluster']}.{node.number}")

    def _vagrant(self, key_file: Path) -> VagrantCommand:
        # Where there is no Vagrant, python-vagrant warns when it is imported: that is for those who want Vagrant.
        from sage_lab.providers.vagrant.command import VagrantCommand  # noqa: PLC0415

        settings = {
            "SAGE_LAB": self.lab,
            "SAGE_TOPOLOGY": str(self.directory / "topology.yaml"),
            "SAGE_NETWORKS": f"{self._made['control']} {self._made['cluster']}",
            "SAGE_ACCELERATION": self._made["driver"],
            "SAGE_AUTHORIZED_KEY_FILE": str(key_file),
            "SAGE_CONSOLE": str(self.directory / _CONSOLES),
            # The locks and states of the machines go with the lab.
            "VAGRANT_DOTFILE_PATH": str(self.directory / "vagrant"),
        }
        return VagrantCommand(PROJECT, settings, self.directory / "vagrant.log")


@dataclass(frozen=True, kw_only=True)
class VirtualMachine(Machine):
    """A virtual machine, by libvirt and by SSH over its control link."""

    provider: VagrantProvider = field(repr=False, compare=False)
    domain: libvirt.Domain = field(repr=False, compare=False)

    @property
    def python(self) -> str:
        """The environment that provisioning makes, or that the box brings."""
        return f"{_ENVIRONMENT}/bin/python"

    def _run(self, argv: Sequence[str], *, user: str, timeout: float, stdin: str | None) -> Completed:
        if (state := self.domain.state()) != "running":
            raise NodeStateError(f"the node is {state}", where=self.name, fix="power it on, or thaw it, first")
        return self.provider.access.to(self, user).run(argv, root=user == "root", timeout=timeout, stdin=stdin)

    def health(self) -> NodeHealth:
        """How the machine is now: as libvirt says, and what it says of itself when it runs."""
        state, ssh, sizes = self.domain.state(), False, {}
        greet = self.provider.greets_within()
        if state == "running" and sshd.answers(self.provider.inside, self, timeout=greet):
            # Between the greeting and the answer it may fall silent, or refuse the key.
            with contextlib.suppress(NodeStateError, CommandTimeoutError, MachineError):
                sizes = self.provider.access.to(self, files.USER).sizes(timeout=_ANSWER * greet)
                ssh = True
        return NodeHealth.of(self, state=self.domain.state(), ssh=ssh, plugged=self.domain.plugged(), **sizes)

    def power_off(self) -> None:
        """Cut the power. Off already is no error."""
        self.domain.power_off()

    def power_on(self) -> None:
        """Switch it on and wait for its SSH server. On already is no error."""
        self.domain.power_on()
        self.provider.wait([self])

    def unplug(self) -> None:
        """Pull the cable of the node's cluster link."""
        self.domain.plug(plugged=False)

    def plug(self) -> None:
        """Plug the cable of the node's cluster link in."""
        self.domain.plug(plugged=True)

    def freeze(self) -> None:
        """Stop the node's processors."""
        self.domain.freeze()

    def thaw(self) -> None:
        """Let the node's processors go on."""
        self.domain.thaw()

    def write_protect(self, directory: str, *, protect: bool) -> None:
        """By a mount of the directory over itself."""
        write_protection.write_protect(self.provider.access.to(self, "root"), directory, protect=protect)

    def reset(self) -> None:
        """Press the node's reset button and wait until it answers over SSH."""
        self.domain.reset()
        self.provider.wait([self])

    def console(self) -> str:
        """All that the node's kernel wrote to its serial console."""
        return self.provider.console(self.name).read_text(encoding="utf-8", errors="replace")

    def slow_disk(self, most: int | None) -> None:
        """Let the disk of Ray's files carry at most so many bytes in a second; any number when nothing is given."""
        self.domain.slow_disk(_RAY_DISK, most)


def _tell(line: str, report: Report) -> None:
    """Of all that vagrant says, what tells how far a machine is."""
    machine, _, said = line.removeprefix("==> ").partition(": ")
    if line.startswith("==> ") and said.startswith(("Creating domain", "Waiting for SSH", "Machine booted")):
        report(f"{machine}: {said}")


def _link(node: LabNode) -> str:
    """The hardware address of the cluster link, as the Vagrantfile gives it."""
    return f"02:00:c6:13:01:{node.number:02x}"
