"""Nodes by Docker Compose, from the compose.yaml of this project: containers of an engine on this machine."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from sage_lab import files
from sage_lab.errors import NodeStateError
from sage_lab.ledger import Ledger
from sage_lab.machine import cgroups, environment, lock, namespaces
from sage_lab.model import CONTROLLER, Completed, LabNode, NodeHealth, State, nodes_of
from sage_lab.progress import Report, step
from sage_lab.providers import CONTAINERS_LACK, Ability, free_networks, sshd
from sage_lab.providers.compose import image, links, project
from sage_lab.providers.compose.engine import Engine
from sage_lab.providers.container import base_layer, runc
from sage_lab.providers.container.layers import Layers
from sage_lab.topology import Topology

Result = TypeVar("Result")
LACKS = CONTAINERS_LACK
_MADE = "nodes.json"
_SETTINGS = "compose.env"
_SERVICES = "compose.yaml"
_START, _START_NODE = 60.0, 10.0
"""Seconds for Compose to make the networks and to start nodes, and more for each node."""


class ComposeProvider:
    """The nodes of one lab. Its engine and networks are chosen when it is built."""

    name = "compose"
    needs_root = True

    def __init__(self, lab: str, directory: Path, topology: Topology) -> None:
        self._lab = lab
        self._directory = directory
        self._topology = topology
        self._ledger = Ledger(directory)
        self._layers = Layers(directory, self._ledger)
        self._made = _read(directory / _MADE)
        self._engine = Engine(self._made.get("engine", ""), lab)
        self._shared = [*base_layer.programs(), *environment.shared_directories()]
        self.nodes = tuple(self._addressed(node) for node in nodes_of(topology))

    def describe(self) -> Mapping[str, Any]:
        """The environment that the nodes share with this machine, and what a node is."""
        what = hashlib.sha256(project.PROJECT_FILE.read_bytes()).hexdigest()
        return {"environment": [sys.prefix, sys.base_prefix], "compose": what}

    def build(self, report: Report) -> None:
        """Make the image and all nodes, and wait until each answers over SSH; raises LabError."""
        self._choose()
        keys = self._directory / "keys"
        user_key = files.make_key(keys / files.USER, self._lab)
        host_keys = [files.make_key(keys / one.name / files.HOST_KEY, one.name) for one in self.nodes]
        controller = {
            "controller": self.controller_address(),
            "controller-control": f"{self._made['control']}.{CONTROLLER}",
        }
        files.write_all(self._directory, self.nodes, host_keys, controller=controller)
        for node in self.nodes:
            self._make_disk(project.disk(self._directory, node))
        # The containers use the disks: what was recorded last is undone first.
        self._ledger.record("compose", f"{self._engine.address} {self._lab}")
        with step(report, "image made"):
            image.make(self._engine, self._directory / "image", self.nodes, user_key, self._shared)
        with step(report, f"{len(self.nodes)} nodes started"):
            settings, services = self._write_files()
            self._engine.start_project(
                [project.PROJECT_FILE, services], settings, timeout=_START + _START_NODE * len(self.nodes)
            )
        with step(report, "all nodes answer over SSH"):
            sshd.wait(self.inside, self.nodes)

    def enter(self) -> None:
        """Let the calling thread, and what it starts from now on, know the nodes by their names."""
        namespaces.enter(None, self._directory / namespaces.HOSTS, hidden=self._directory.parent)

    def inside(self, work: Callable[[], Result]) -> Result:
        """The nodes are reached from everywhere on this machine."""
        return work()

    def outside(self, work: Callable[[], Result]) -> Result:
        """Do the work where the engine sees its mounts."""
        return namespaces.on_host(work)

    def lacks(self, ability: Ability) -> str:
        """Why the nodes cannot do it; nothing when they can."""
        return LACKS.get(ability, "")

    def controller_address(self) -> str:
        """This machine's end of the cluster link."""
        return f"{self._made['cluster']}.{CONTROLLER}"

    def python(self, node: LabNode) -> str:
        """The nodes share this environment."""
        del node
        return environment.program("python")

    def run(self, node: LabNode, argv: Sequence[str], *, user: str, timeout: float, stdin: str | None) -> Completed:
        """Run a command on the node by the engine; raises NodeStateError when the node is off or frozen."""
        ended = self._engine.execute(node.name, argv, user=user, timeout=timeout, stdin=stdin)
        if ended.returncode != 0:
            self._need(node, "running", "run a command")
        return ended

    def power_off(self, node: LabNode) -> None:
        """Kill every process of the node at once, silently for its peers; its disk stays. Off already is no error."""
        with lock.hold(self._directory.with_suffix(".lock")):
            if self._state(node) != "stopped":
                links.silence(self._engine.process(node.name))
                self._engine.run("kill", self._engine.container(node.name))

    def power_on(self, node: LabNode) -> None:
        """Start the node on its disk, with a fresh network, /run and /dev/shm. On already is no error."""
        with lock.hold(self._directory.with_suffix(".lock")):
            if self._state(node) != "stopped":
                return
            self._engine.run("start", self._engine.container(node.name))
        sshd.wait(self.inside, [node])
        if self._pulled(node).exists():
            self.unplug(node)

    def unplug(self, node: LabNode) -> None:
        """Pull the cable of the node's cluster link; it stays so when the node is off and on again."""
        self._pulled(node).touch()
        if process := self._engine.process(node.name):
            links.plug(process, plugged_in=False)

    def plug(self, node: LabNode) -> None:
        """Plug the cable of the node's cluster link in."""
        self._pulled(node).unlink(missing_ok=True)
        if process := self._engine.process(node.name):
            links.plug(process, plugged_in=True)

    def freeze(self, node: LabNode) -> None:
        """Stop every process of the node where it is. Frozen already is no error."""
        if self._state(node) != "paused":
            self._need(node, "running", "freeze it")
            self._engine.run("pause", self._engine.container(node.name))

    def thaw(self, node: LabNode) -> None:
        """Let a frozen node go on. Running already is no error."""
        if self._state(node) != "running":
            self._need(node, "paused", "thaw it")
            self._engine.run("unpause", self._engine.container(node.name))

    def limit_processes(self, node: LabNode, most: int | None) -> None:
        """Let the node have at most so many processes."""
        limit = str(most or self._topology.processes)
        self._engine.run("update", "--pids-limit", limit, self._engine.container(node.name))

    def write_protect(self, node: LabNode, directory: str, *, protect: bool) -> None:
        """Let a directory of the node be read-only, or no more."""
        self._need(node, "running", "mount on it")
        runc.write_protect(self._engine.process(node.name), directory, protect=protect)

    def health(self) -> list[NodeHealth]:
        """How each node is now: its container, its links, its memory and its disk."""
        states = self._engine.states()
        answering = sshd.answering(self.inside, self.nodes)

        def look(node: LabNode) -> NodeHealth:
            state = states.get(node.name, "stopped")
            process = 0 if state == "stopped" else self._engine.process(node.name)
            return NodeHealth.of(
                node,
                state=state,
                ssh=answering[node.name],
                plugged=links.plugged(process) if process else not self._pulled(node).exists(),
                memory=cgroups.usage(cgroups.group_of(process)) if process else (0, 0),
                disk=self._layers.usage(node.name),
            )

        with ThreadPoolExecutor(max_workers=len(self.nodes)) as pool:
            return list(pool.map(look, self.nodes))

    def _choose(self) -> None:
        """What is known before anything is made: which engine, and on which networks."""
        engine = Engine.of_environment(self._lab)
        engine.need_free_name()
        control, cluster = free_networks.choose(2)
        self._made = {"engine": engine.address, "control": control, "cluster": cluster}
        self._engine = engine
        (self._directory / _MADE).write_text(json.dumps(self._made) + "\n", encoding="utf-8")
        self.nodes = tuple(self._addressed(node) for node in self.nodes)

    def _make_disk(self, disk: Path) -> None:
        self._layers.mount("tmpfs", disk, "tmpfs", f"mode=755,size={self._topology.disk}")
        for part in project.WRITABLE:
            (disk / part).mkdir()

    def _write_files(self) -> tuple[Path, Path]:
        settings, services = self._directory / _SETTINGS, self._directory / _SERVICES
        values = project.settings(
            self._topology, self._engine.image, control=self._made["control"], cluster=self._made["cluster"]
        )
        settings.write_text(values, encoding="utf-8")
        listed = project.services(self.nodes, self._directory, self._lab, self._shared)
        services.write_text(listed, encoding="utf-8")
        return settings, services

    def _state(self, node: LabNode) -> State:
        return self._engine.states().get(node.name, "stopped")

    def _need(self, node: LabNode, wanted: State, what: str) -> None:
        if (state := self._state(node)) != wanted:
            raise NodeStateError(
                f"cannot {what}: the node is {state}, not {wanted}",
                where=node.name,
                fix="power it on, or thaw it, first",
            )

    def _pulled(self, node: LabNode) -> Path:
        """A file that is there while the cable of the node's cluster link is pulled."""
        return self._directory / f"{node.name}.unplugged"

    def _addressed(self, node: LabNode) -> LabNode:
        if not self._made:
            return node
        control, cluster = (f"{self._made[link]}.{node.number}" for link in ("control", "cluster"))
        return replace(node, control_address=control, cluster_address=cluster)


def _read(path: Path) -> dict[str, str]:
    try:
        content: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    return content
