"""Nodes by Docker Compose, from the compose.yaml of this project: containers of an engine on this machine."""

from __future__ import annotations

import hashlib
import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from sage_lab import cgroups, environment, lab_files, lock, namespaces
from sage_lab.errors import CommandTimeoutError, LabError, NodeStateError, ProvisionError
from sage_lab.ledger import Ledger
from sage_lab.model import CONTROLLER, Completed, LabNode, NodeHealth, State, nodes_of
from sage_lab.progress import Report, step
from sage_lab.providers import Ability, base_layer, compose_file, compose_links, free_networks, runtime, sshd
from sage_lab.providers.container import PROVISION
from sage_lab.providers.docker_engine import Engine
from sage_lab.providers.layers import Layers
from sage_lab.topology import Topology

Result = TypeVar("Result")
LACKS: Mapping[Ability, str] = {
    Ability.CLOCK: "the containers of an engine share the clock of this machine; it takes a virtual machine per node",
}
_MADE = "nodes.json"
_SETTINGS = "compose.env"
_SERVICES = "compose.yaml"
_STEPS = Path("/run/provision")
_START = 60.0
_GRACE = 10.0
_KILLED = 137


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
        what = hashlib.sha256(compose_file.PROJECT_FILE.read_bytes()).hexdigest()
        return {"environment": [sys.prefix, sys.base_prefix], "compose": what}

    def build(self, report: Report) -> None:
        """Make the image and all nodes, and wait until each answers over SSH; raises LabError."""
        self._choose()
        keys = self._directory / "keys"
        user_key = lab_files.make_key(keys / lab_files.USER, self._lab)
        host_keys = [lab_files.make_key(keys / one.name / lab_files.HOST_KEY, one.name) for one in self.nodes]
        controller = {
            "controller": self.controller_address(),
            "controller-control": f"{self._made['control']}.{CONTROLLER}",
        }
        lab_files.write_all(self._directory, self.nodes, host_keys, controller=controller)
        for node in self.nodes:
            size = f"mode=1777,size={self._topology.disk}"
            self._layers.mount("tmpfs", compose_file.disk(self._directory, node), "tmpfs", size)
        # The containers use the disks: what was recorded last is undone first.
        self._ledger.record("compose", f"{self._engine.address} {self._lab}")
        with step(report, "image made"):
            self._make_image(user_key)
        with step(report, f"{len(self.nodes)} nodes started"):
            self._compose("up", "--detach", timeout=_START + 10.0 * len(self.nodes))
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
        if user not in runtime.USERS:
            raise LabError(f"no user {user!r} on the nodes", where=node.name, fix=f"use {' or '.join(runtime.USERS)}")
        number, home = runtime.USERS[user]
        command = ["exec", *(["--interactive"] if stdin is not None else []), "--user", f"{number}:{number}"]
        command += ["--workdir", home, "--env", f"HOME={home}", "--env", f"USER={user}", "--env", f"LOGNAME={user}"]
        # The node itself ends the command: the engine would let it go on when its client is gone.
        command += [self._engine.container(node.name), "timeout", "--signal=KILL", f"{max(0.1, timeout):.3f}", *argv]
        started = time.monotonic()
        try:
            ended = self._engine.try_run(*command, timeout=timeout + _GRACE, stdin=stdin)
        except CommandTimeoutError:
            self._need(node, "running", "run a command")
            raise self._too_slow(node, argv, timeout) from None
        if ended.returncode == _KILLED and time.monotonic() - started >= timeout:
            raise self._too_slow(node, argv, timeout)
        if ended.returncode != 0:
            self._need(node, "running", "run a command")
        return Completed(tuple(argv), ended.returncode, ended.stdout, ended.stderr)

    def power_off(self, node: LabNode) -> None:
        """Kill every process of the node at once, silently for its peers; its disk stays. Off already is no error."""
        with lock.hold(self._directory.with_suffix(".lock")):
            if self._state(node) != "stopped":
                compose_links.silence(self._engine.process(node.name))
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
            compose_links.plug(process, plugged_in=False)

    def plug(self, node: LabNode) -> None:
        """Plug the cable of the node's cluster link in."""
        self._pulled(node).unlink(missing_ok=True)
        if process := self._engine.process(node.name):
            compose_links.plug(process, plugged_in=True)

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
        runtime.write_protect(self._engine.process(node.name), directory, protect=protect)

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
                plugged=compose_links.plugged(process) if process else not self._pulled(node).exists(),
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

    def _make_image(self, user_key: str) -> None:
        root = self._directory / "image"
        root.mkdir()
        base_layer.prepare_image(root, self._shared)
        base_layer.write_network_files(root / "etc", lab_files.hosts(self.nodes))
        values = (
            f"SAGE_USER={lab_files.USER}",
            f"SAGE_UID={runtime.USERS[lab_files.USER][0]}",
            f"SAGE_AUTHORIZED_KEY={user_key}",
            f"SAGE_ENVIRONMENT={sys.prefix}",
        )
        mounts = {**{path: path for path in self._shared}, PROVISION: _STEPS}
        ended = self._engine.build_image(root, ["env", *values, *base_layer.provisioning(_STEPS)], mounts)
        if ended.returncode != 0:
            raise ProvisionError(
                f"a provisioning step failed: {(ended.stderr + ended.stdout).strip()[-2000:]}",
                where=str(PROVISION),
                fix="correct the step named above; each may be run again",
            )

    def _compose(self, *argv: str, timeout: float) -> None:
        settings, services = self._directory / _SETTINGS, self._directory / _SERVICES
        made = self._made
        text = compose_file.settings(self._topology, self._engine.image, made["control"], made["cluster"])
        settings.write_text(text, encoding="utf-8")
        listed = compose_file.services(self.nodes, self._directory, self._lab, self._shared)
        services.write_text(listed, encoding="utf-8")
        self._engine.compose([compose_file.PROJECT_FILE, services], settings, *argv, timeout=timeout)

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

    @staticmethod
    def _too_slow(node: LabNode, argv: Sequence[str], timeout: float) -> CommandTimeoutError:
        return CommandTimeoutError(
            f"did not end within {timeout:g} s and was killed: {' '.join(argv)}",
            where=node.name,
            fix="give it more time, or see what it waits for",
        )


def _read(path: Path) -> dict[str, str]:
    try:
        content: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    return content
