"""Nodes as containers of this machine: runc, an overlay of its root, and a sealed network."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from sage_lab import files
from sage_lab.machine import cgroups, environment, kernel, namespaces
from sage_lab.machine.namespaces import outside
from sage_lab.model import CLUSTER_NETWORK, CONTROLLER, LabNode, nodes_of
from sage_lab.progress import Report, step
from sage_lab.providers import sshd
from sage_lab.providers.container import base_layer, runc
from sage_lab.providers.container.network import Network
from sage_lab.providers.namespaced import NamespacedMachine, NamespacedProvider
from sage_lab.topology import GIB, Topology

_PROVISION_TIMEOUT = 120.0
Result = TypeVar("Result")


class ContainerProvider(NamespacedProvider):
    """The containers of one lab."""

    name = "container"

    def __init__(self, lab: str, directory: Path, topology: Topology) -> None:
        super().__init__(lab, directory, topology)
        self.network = Network(lab, self.ledger)
        self.runtime: runc.Runtime = runc.Runtime(lab, directory)
        self.machines = tuple(ContainerMachine(**vars(node), provider=self) for node in nodes_of(topology))
        self._group = f"{cgroups.ROOT}/{lab}"
        self._shared = environment.shared_directories()
        self._template: dict[str, Any] = {}

    def build(self, report: Report) -> None:
        """Make all nodes and wait until each answers over SSH; raises LabError."""
        cgroups.claim(self._group, self.ledger)
        with step(report, "keys made"):
            user_key, host_keys = self.make_keys()
        files.write_all(self.directory, self.machines, host_keys)
        with step(report, "base layer provisioned"):
            self._provision(user_key)
        with step(report, "network laid"):
            self.network.build(self.machines)
        with step(report, f"{len(self.machines)} nodes started"):
            for node in self.machines:
                self._make_disk(node)
            # Recorded once more: what was recorded last is undone first, and processes must end first.
            self.ledger.record("cgroup", self._group)
            with ThreadPoolExecutor(max_workers=(os.cpu_count() or 1) + 2) as pool:
                list(pool.map(self.start, self.machines))
        with step(report, "all nodes answer over SSH"):
            sshd.wait(self.inside, self.machines)

    def inside(self, work: Callable[[], Result]) -> Result:
        """Do the work in the lab's network, in a thread of its own."""
        return namespaces.on_network(self.network.path, work)

    def controller_address(self) -> str:
        """The lab's own end of the cluster link."""
        return f"{CLUSTER_NETWORK}.{CONTROLLER}"

    def start(self, node: LabNode) -> None:
        """Start the container of a node on its disk."""
        self.runtime.start(node.name, self.layers.bundle(node.name))

    def _network(self) -> Path:
        return self.network.path

    def _provision(self, authorized_key: str) -> None:
        """Make the base layer and run the provisioning steps in it, in a container without a network."""
        layer, bundle = self.layers.path("base"), self.layers.bundle("base")
        # On a file system of its own: an overlay's lower layers may not lie inside each other.
        self.layers.mount("tmpfs", layer, "tmpfs", f"mode=700,size={GIB}")
        (layer / "upper").mkdir()
        base_layer.prepare(layer / "upper", self._shared)
        self.layers.overlay("/", layer, bundle / "rootfs")
        self.ledger.record("cgroup", self._group)
        self._template = self.runtime.template(bundle)
        self._write_spec(
            "base",
            network=None,
            argv=base_layer.provisioning(),
            environment=base_layer.settings(authorized_key),
            mounts=(runc.read_only_mount(base_layer.PROVISION, base_layer.STEPS),),
        )
        base_layer.check(self.runtime.run_to_end("base", bundle, timeout=_PROVISION_TIMEOUT))
        base_layer.write_network_files(bundle / "rootfs" / "etc", files.hosts(self.machines))
        kernel.umount(bundle / "rootfs")

    def _make_disk(self, node: LabNode) -> None:
        """The node's own disk, which can really fill, and what makes the node this one."""
        layer, bundle = self.layers.path(node.name), self.layers.bundle(node.name)
        self.layers.mount("tmpfs", layer, "tmpfs", f"mode=700,size={self.topology.disk}")
        self.layers.overlay(f"{self.layers.path('base')}/upper:/", layer, bundle / "rootfs")
        etc = bundle / "rootfs" / "etc"
        (etc / "hostname").write_text(f"{node.name}\n", encoding="utf-8")
        key = self.directory / "keys" / node.name / files.HOST_KEY
        for source, mode in ((key, 0o600), (key.with_name(f"{key.name}.pub"), 0o644)):
            target = etc / "ssh" / source.name
            target.touch(mode=mode)
            target.write_bytes(source.read_bytes())
        self._write_spec(node.name, network=self.network.path_of(node))

    def _write_spec(self, name: str, *, network: Path | None, **more: Sequence[Any]) -> None:
        bundle = self.layers.bundle(name)
        spec = runc.spec(
            self._template,
            name=name,
            group=self.runtime.group(name),
            network=network,
            topology=self.topology,
            shared=self._shared,
            **more,
        )
        (bundle / "config.json").write_text(json.dumps(spec, indent=1), encoding="utf-8")


@dataclass(frozen=True, kw_only=True)
class ContainerMachine(NamespacedMachine):
    """A container of the lab."""

    provider: ContainerProvider = field(repr=False, compare=False)

    @outside
    def unplug(self) -> None:
        """Cut the node's cluster link; the control link stays."""
        self.provider.network.unplug(self)

    @outside
    def plug(self) -> None:
        """Join the node's cluster link again."""
        self.provider.network.plug(self)

    def _begin(self) -> None:
        self._forget()
        self.provider.network.rebuild(self)
        self.provider.start(self)

    def _end(self) -> None:
        self.provider.network.silence(self)
        self._forget()

    def _forget(self) -> None:
        cgroups.remove(self.provider.runtime.group(self.name))
        self.provider.runtime.delete(self.name)

    def _plugged(self, process: int) -> bool:
        del process
        return self.provider.network.plugged(self)
