"""Nodes by Docker Compose, from the compose.yaml of this project: containers of an engine on this machine."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from sage_lab import files
from sage_lab.machine import environment
from sage_lab.machine.namespaces import outside
from sage_lab.model import CONTROLLER, LabNode, nodes_of
from sage_lab.progress import Report, step
from sage_lab.providers import free_networks, sshd
from sage_lab.providers.compose import image, links, project
from sage_lab.providers.compose.engine import Engine
from sage_lab.providers.container import base_layer
from sage_lab.providers.namespaced import NamespacedMachine, NamespacedProvider
from sage_lab.topology import Topology

_MADE = "nodes.json"
_SETTINGS = "compose.env"
_SERVICES = "compose.yaml"
_START, _START_NODE = 60.0, 10.0
"""Seconds for Compose to make the networks and to start nodes, and more for each node."""


class ComposeProvider(NamespacedProvider):
    """The nodes of one lab. Its engine and networks are chosen when it is built."""

    name = "compose"

    def __init__(self, lab: str, directory: Path, topology: Topology) -> None:
        super().__init__(lab, directory, topology)
        self._shared = [*base_layer.programs(), *environment.shared_directories()]
        self._use(free_networks.recall(directory / _MADE))

    def describe(self) -> Mapping[str, Any]:
        """The environment that the nodes share with this machine, and what a node is."""
        return {**super().describe(), "compose": hashlib.sha256(project.PROJECT_FILE.read_bytes()).hexdigest()}

    def build(self, report: Report) -> None:
        """Make the image and all nodes, and wait until each answers over SSH; raises LabError."""
        self._choose()
        user_key, host_keys = self.make_keys()
        controller = files.controller_addresses(self._made["control"], self._made["cluster"])
        files.write_all(self.directory, self.machines, host_keys, controller=controller)
        for node in self.machines:
            self._make_disk(project.disk(self.directory, node))
        # The containers use the disks: what was recorded last is undone first.
        self.ledger.record("compose", f"{self.runtime.address} {self.lab}")
        with step(report, "image made"):
            image.make(self.runtime, self.directory / "image", self.machines, user_key, self._shared)
        with step(report, f"{len(self.machines)} nodes started"):
            settings, services = self._write_files()
            self.runtime.start_project(
                [project.PROJECT_FILE, services], settings, timeout=_START + _START_NODE * len(self.machines)
            )
        with step(report, "all nodes answer over SSH"):
            sshd.wait(self.inside, self.machines)

    def controller_address(self) -> str:
        """This machine's end of the cluster link."""
        return f"{self._made['cluster']}.{CONTROLLER}"

    def _choose(self) -> None:
        """What is known before anything is made: which engine, and on which networks."""
        engine = Engine.of_environment(self.lab)
        engine.need_free_name()
        control, cluster = free_networks.choose(2)
        made = {"engine": engine.address, "control": control, "cluster": cluster}
        (self.directory / _MADE).write_text(json.dumps(made) + "\n", encoding="utf-8")
        self._use(made)

    def _use(self, made: Mapping[str, str]) -> None:
        self._made = made
        self.runtime: Engine = Engine(made.get("engine", ""), self.lab)
        self.machines = tuple(
            ComposeMachine(**vars(self._addressed(node)), provider=self) for node in nodes_of(self.topology)
        )

    def _make_disk(self, disk: Path) -> None:
        self.layers.mount("tmpfs", disk, "tmpfs", f"mode=755,size={self.topology.disk}")
        for part in project.WRITABLE:
            (disk / part).mkdir()

    def _write_files(self) -> tuple[Path, Path]:
        settings, services = self.directory / _SETTINGS, self.directory / _SERVICES
        values = project.settings(
            self.topology, self.runtime.image, control=self._made["control"], cluster=self._made["cluster"]
        )
        settings.write_text(values, encoding="utf-8")
        listed = project.services(self.machines, self.directory, self.lab, self._shared)
        services.write_text(listed, encoding="utf-8")
        return settings, services

    def _addressed(self, node: LabNode) -> LabNode:
        if not self._made:
            return node
        control, cluster = (f"{self._made[link]}.{node.number}" for link in ("control", "cluster"))
        return replace(node, control_address=control, cluster_address=cluster)


@dataclass(frozen=True, kw_only=True)
class ComposeMachine(NamespacedMachine):
    """A service's container."""

    provider: ComposeProvider = field(repr=False, compare=False)

    def power_on(self) -> None:
        """Start the node; a cable that was pulled before stays so."""
        super().power_on()
        if self._pulled.exists():
            self.unplug()

    @outside
    def unplug(self) -> None:
        """Pull the cable of the node's cluster link; it stays so when the node is off and on again."""
        self._pulled.touch()
        if process := self.provider.runtime.look(self.name)[1]:
            links.plug(process, plugged_in=False)

    @outside
    def plug(self) -> None:
        """Plug the cable of the node's cluster link in."""
        self._pulled.unlink(missing_ok=True)
        if process := self.provider.runtime.look(self.name)[1]:
            links.plug(process, plugged_in=True)

    def _begin(self) -> None:
        self.provider.runtime.run("start", self.provider.runtime.container(self.name))

    def _end(self) -> None:
        if process := self.provider.runtime.look(self.name)[1]:
            links.silence(process)
            self.provider.runtime.run("kill", self.provider.runtime.container(self.name))

    def _plugged(self, process: int) -> bool:
        return links.plugged(process) if process else not self._pulled.exists()

    @property
    def _pulled(self) -> Path:
        """A file that is there while the cable of the node's cluster link is pulled."""
        return self.provider.directory / f"{self.name}.unplugged"
