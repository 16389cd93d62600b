"""Nodes as containers of this machine: runc, an overlay of its root, and a sealed network."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from sage_lab import files
from sage_lab.errors import NodeStateError, ProvisionError
from sage_lab.ledger import Ledger
from sage_lab.machine import cgroups, environment, kernel, lock, namespaces
from sage_lab.model import CLUSTER_NETWORK, CONTROLLER, Completed, LabNode, NodeHealth, State, nodes_of
from sage_lab.progress import Report, step
from sage_lab.providers import CONTAINERS_LACK, Ability, sshd
from sage_lab.providers.container import base_layer, runc
from sage_lab.providers.container.layers import Layers
from sage_lab.providers.container.network import Network
from sage_lab.topology import GIB, Topology

PROVISION = Path(__file__).resolve().parents[4] / "provision" / "node"
_PROVISION_TARGET = Path("/run/provision")
_PROVISION_TIMEOUT = 120.0
Result = TypeVar("Result")
LACKS = CONTAINERS_LACK
_STATES: dict[str, State] = {"running": "running", "paused": "paused"}


class ContainerProvider:
    """The containers of one lab; its files lie in the lab's directory."""

    name = "container"
    needs_root = True

    def __init__(self, lab: str, directory: Path, topology: Topology) -> None:
        self.nodes = nodes_of(topology)
        self._name = lab
        self._directory = directory
        self._topology = topology
        self._ledger = Ledger(directory)
        self._layers = Layers(directory, self._ledger)
        self._network = Network(lab, self._ledger)
        self._runtime = runc.Runtime(lab, directory)
        self._group = f"{cgroups.ROOT}/{lab}"
        self._shared = environment.shared_directories()
        self._template: dict[str, Any] = {}

    def describe(self) -> Mapping[str, Any]:
        """The environment that the nodes share with this machine."""
        return {"environment": [sys.prefix, sys.base_prefix]}

    def build(self, report: Report) -> None:
        """Make all nodes and wait until each answers over SSH; raises LabError."""
        cgroups.claim(self._group, self._ledger)
        keys = self._directory / "keys"
        with step(report, "keys made"), ThreadPoolExecutor() as pool:
            user_key = pool.submit(files.make_key, keys / files.USER, self._name)
            host_keys = list(pool.map(self._make_host_key, self.nodes))
        files.write_all(self._directory, self.nodes, host_keys)
        with step(report, "base layer provisioned"):
            self._provision(user_key.result())
        with step(report, "network laid"):
            self._network.build(self.nodes)
        with step(report, f"{len(self.nodes)} nodes started"):
            for node in self.nodes:
                self._make_disk(node)
            # Recorded once more: what was recorded last is undone first, and processes must end first.
            self._ledger.record("cgroup", self._group)
            with ThreadPoolExecutor(max_workers=(os.cpu_count() or 1) + 2) as pool:
                list(pool.map(self._start, self.nodes))
        with step(report, "all nodes answer over SSH"):
            sshd.wait(self.inside, self.nodes)

    def enter(self) -> None:
        """Let the calling thread, and what it starts from now on, reach the nodes by address and by name."""
        namespaces.enter(self._network.path, self._directory / namespaces.HOSTS, hidden=self._directory.parent)

    def inside(self, work: Callable[[], Result]) -> Result:
        """Do the work in the lab's network, in a thread of its own."""
        return namespaces.on_network(self._network.path, work)

    def outside(self, work: Callable[[], Result]) -> Result:
        """Do the work in the machine's own namespaces."""
        return namespaces.on_host(work)

    def lacks(self, ability: Ability) -> str:
        """Why the containers cannot do it; nothing when they can."""
        return LACKS.get(ability, "")

    def controller_address(self) -> str:
        """The lab's own end of the cluster link."""
        return f"{CLUSTER_NETWORK}.{CONTROLLER}"

    def python(self, node: LabNode) -> str:
        """The nodes share this environment."""
        del node
        return environment.program("python")

    def run(self, node: LabNode, argv: Sequence[str], *, user: str, timeout: float, stdin: str | None) -> Completed:
        """Run a command on the node by runc; raises NodeStateError when the node is off or frozen."""
        ended = self._runtime.execute(node.name, argv, user=user, timeout=timeout, stdin=stdin)
        if ended.returncode != 0:
            self._need(node, "running", "run a command")
        return ended

    def power_off(self, node: LabNode) -> None:
        """Kill every process of the node at once, silently for its peers; its disk stays. Off already is no error."""
        with lock.hold(self._directory.with_suffix(".lock")):
            self._network.silence(node)
            cgroups.remove(self._runtime.group(node.name))
            self._runtime.delete(node.name)

    def power_on(self, node: LabNode) -> None:
        """Start the node on its disk, with a fresh network, /run and /dev/shm. On already is no error."""
        with lock.hold(self._directory.with_suffix(".lock")):
            if self._state(node) != "stopped":
                return
            cgroups.remove(self._runtime.group(node.name))
            self._runtime.delete(node.name)
            self._network.rebuild(node)
            self._start(node)
        sshd.wait(self.inside, [node])

    def unplug(self, node: LabNode) -> None:
        """Cut the node's cluster link; the control link stays."""
        self._network.unplug(node)

    def plug(self, node: LabNode) -> None:
        """Join the node's cluster link again."""
        self._network.plug(node)

    def freeze(self, node: LabNode) -> None:
        """Stop every process of the node where it is. Frozen already is no error."""
        if self._state(node) != "paused":
            self._need(node, "running", "freeze it")
            self._runtime.pause(node.name)

    def thaw(self, node: LabNode) -> None:
        """Let a frozen node go on. Running already is no error."""
        if self._state(node) != "running":
            self._need(node, "paused", "thaw it")
            self._runtime.resume(node.name)

    def limit_processes(self, node: LabNode, most: int | None) -> None:
        """Let the node have at most so many processes."""
        cgroups.limit_processes(self._runtime.group(node.name), most or self._topology.processes)

    def write_protect(self, node: LabNode, directory: str, *, protect: bool) -> None:
        """Let a directory of the node be read-only, or no more."""
        self._need(node, "running", "mount on it")
        self._runtime.write_protect(node.name, directory, protect=protect)

    def health(self) -> list[NodeHealth]:
        """How each node is now: its container, its links, its memory and its disk."""
        states = self._runtime.states()
        ports = self._network.plugged_ports()
        answering = sshd.answering(self.inside, self.nodes)
        return [
            NodeHealth.of(
                node,
                state=_STATES.get(states.get(node.name, ("stopped", 0))[0], "stopped"),
                ssh=answering[node.name],
                plugged=ports.get(f"cluster-{node.number}", False),
                memory=cgroups.usage(self._runtime.group(node.name)),
                disk=self._layers.usage(node.name),
            )
            for node in self.nodes
        ]

    def _state(self, node: LabNode) -> State:
        return _STATES.get(self._runtime.states().get(node.name, ("stopped", 0))[0], "stopped")

    def _need(self, node: LabNode, wanted: State, what: str) -> None:
        state = self._state(node)
        if state != wanted:
            raise NodeStateError(
                f"cannot {what}: the node is {state}, not {wanted}",
                where=node.name,
                fix="power it on, or thaw it, first",
            )

    def _make_host_key(self, node: LabNode) -> str:
        return files.make_key(self._directory / "keys" / node.name / files.HOST_KEY, node.name)

    def _provision(self, authorized_key: str) -> None:
        """Make the base layer and run the provisioning steps in it, in a container without a network."""
        layer, bundle = self._layers.path("base"), self._layers.bundle("base")
        # On a file system of its own: an overlay's lower layers may not lie inside each other.
        self._layers.mount("tmpfs", layer, "tmpfs", f"mode=700,size={GIB}")
        (layer / "upper").mkdir()
        base_layer.prepare(layer / "upper", self._shared)
        self._layers.overlay("/", layer, bundle / "rootfs")
        self._ledger.record("cgroup", self._group)
        self._template = self._runtime.template(bundle)
        self._write_spec(
            "base",
            network=None,
            argv=base_layer.provisioning(_PROVISION_TARGET),
            environment=(
                f"SAGE_USER={files.USER}",
                f"SAGE_UID={runc.USERS[files.USER][0]}",
                f"SAGE_AUTHORIZED_KEY={authorized_key}",
                f"SAGE_ENVIRONMENT={sys.prefix}",
            ),
            mounts=(runc.read_only_mount(PROVISION, _PROVISION_TARGET),),
        )
        ended = self._runtime.run_to_end("base", bundle, timeout=_PROVISION_TIMEOUT)
        if ended.returncode != 0:
            raise ProvisionError(
                f"a provisioning step failed: {(ended.stderr + ended.stdout).strip()[-2000:]}",
                where=str(PROVISION),
                fix="correct the step named above; each may be run again",
            )
        base_layer.write_network_files(bundle / "rootfs" / "etc", files.hosts(self.nodes))
        kernel.umount(bundle / "rootfs")

    def _make_disk(self, node: LabNode) -> None:
        """The node's own disk, which can really fill, and what makes the node this one."""
        layer, bundle = self._layers.path(node.name), self._layers.bundle(node.name)
        self._layers.mount("tmpfs", layer, "tmpfs", f"mode=700,size={self._topology.disk}")
        self._layers.overlay(f"{self._layers.path('base')}/upper:/", layer, bundle / "rootfs")
        etc = bundle / "rootfs" / "etc"
        (etc / "hostname").write_text(f"{node.name}\n", encoding="utf-8")
        key = self._directory / "keys" / node.name / files.HOST_KEY
        for source, mode in ((key, 0o600), (key.with_name(f"{key.name}.pub"), 0o644)):
            target = etc / "ssh" / source.name
            target.touch(mode=mode)
            target.write_bytes(source.read_bytes())
        self._write_spec(node.name, network=self._network.path_of(node))

    def _write_spec(self, name: str, *, network: Path | None, **more: Sequence[Any]) -> None:
        bundle = self._layers.bundle(name)
        spec = runc.spec(
            self._template,
            name=name,
            group=self._runtime.group(name),
            network=network,
            topology=self._topology,
            shared=self._shared,
            **more,
        )
        (bundle / "config.json").write_text(json.dumps(spec, indent=1), encoding="utf-8")

    def _start(self, node: LabNode) -> None:
        self._runtime.start(node.name, self._layers.bundle(node.name))
