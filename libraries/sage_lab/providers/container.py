"""Nodes as containers of this machine: runc, an overlay of its root, and a sealed network."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sage_lab import cgroups, environment, kernel, lab_files, lock, namespaces
from sage_lab.errors import NodeStateError, ProvisionError
from sage_lab.ledger import Ledger
from sage_lab.model import Completed, LabNode, NodeHealth, State
from sage_lab.progress import Report, step
from sage_lab.providers import base_layer, runtime, sshd
from sage_lab.providers.network import Network
from sage_lab.topology import GIB, Topology

PROVISION = Path(__file__).resolve().parents[3] / "provision" / "node"
_PROVISION_TARGET = Path("/run/provision")
_PROVISION_TIMEOUT = 120.0
_STATES: dict[str, State] = {"running": "running", "paused": "paused"}


class ContainerProvider:
    """The containers of one lab; its files lie in the lab's directory."""

    def __init__(self, name: str, directory: Path, nodes: Sequence[LabNode], topology: Topology) -> None:
        self._name = name
        self._directory = directory
        self._nodes = nodes
        self._topology = topology
        self._ledger = Ledger(directory)
        self._network = Network(name, self._ledger)
        self._runtime = runtime.Runtime(name, directory)
        self._shared = environment.shared_directories()
        self._template: dict[str, Any] = {}

    def build(self, report: Report) -> None:
        """Make all nodes and wait until each answers over SSH; raises LabError."""
        cgroups.claim(self._group, self._ledger)
        keys = self._directory / "keys"
        with step(report, "keys made"), ThreadPoolExecutor() as pool:
            user_key = pool.submit(lab_files.make_key, keys / lab_files.USER, self._name)
            host_keys = list(pool.map(self._make_host_key, self._nodes))
        lab_files.write_all(self._directory, self._nodes, host_keys)
        with step(report, "base layer provisioned"):
            self._provision(user_key.result())
        with step(report, "network laid"):
            self._network.build(self._nodes)
        with step(report, f"{len(self._nodes)} nodes started"):
            for node in self._nodes:
                self._make_disk(node)
            # Recorded once more: what was recorded last is undone first, and processes must end first.
            self._ledger.record("cgroup", self._group)
            with ThreadPoolExecutor(max_workers=(os.cpu_count() or 1) + 2) as pool:
                list(pool.map(self._start, self._nodes))
        with step(report, "all nodes answer over SSH"):
            sshd.wait(self._network.path, self._nodes)

    def enter(self) -> None:
        """Let the calling thread, and what it starts from now on, reach the nodes by address and by name."""
        namespaces.enter(self._network.path, self._directory / namespaces.HOSTS, hidden=self._directory.parent)

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
        sshd.wait(self._network.path, [node])

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
        """Let the node have at most so many processes; as many as its topology says when nothing is given."""
        cgroups.limit_processes(self._runtime.group(node.name), most or self._topology.processes)

    def write_protect(self, node: LabNode, directory: str, *, protect: bool) -> None:
        """Let a directory of the node be read-only, or no more."""
        self._need(node, "running", "mount on it")
        self._runtime.write_protect(node.name, directory, protect=protect)

    def health(self) -> list[NodeHealth]:
        """How each node is now: its container, its links, its memory and its disk."""
        states = self._runtime.states()
        ports = self._network.plugged_ports()
        answering = sshd.answering(self._network.path, self._nodes)
        return [
            self._health(
                node,
                _STATES.get(states.get(node.name, ("stopped", 0))[0], "stopped"),
                ssh=answering[node.name],
                plugged=ports.get(f"cluster-{node.number}", False),
            )
            for node in self._nodes
        ]

    @property
    def _group(self) -> str:
        return f"{cgroups.ROOT}/{self._name}"

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

    def _health(self, node: LabNode, state: State, *, ssh: bool, plugged: bool) -> NodeHealth:
        used, limit = cgroups.usage(self._runtime.group(node.name))
        disk = os.statvfs(self._layer(node.name))
        return NodeHealth(
            **asdict(node),
            state=state,
            ssh=ssh,
            plugged=plugged,
            memory_used=used,
            memory_limit=limit,
            disk_used=(disk.f_blocks - disk.f_bfree) * disk.f_frsize,
            disk_size=disk.f_blocks * disk.f_frsize,
        )

    def _layer(self, name: str) -> Path:
        return self._directory / "layers" / name

    def _bundle(self, name: str) -> Path:
        return self._directory / "bundles" / name

    def _make_host_key(self, node: LabNode) -> str:
        return lab_files.make_key(self._directory / "keys" / node.name / lab_files.HOST_KEY, node.name)

    def _mount(self, source: str, target: Path, kind: str, options: str) -> None:
        target.mkdir(parents=True, exist_ok=True)
        self._ledger.record("mount", target)
        kernel.mount(source, target, kind, options=options)

    def _overlay(self, lower: str, layer: Path, target: Path) -> None:
        for part in ("upper", "work"):
            (layer / part).mkdir(exist_ok=True)
        (layer / "upper").chmod(0o755)
        self._mount("overlay", target, "overlay", f"lowerdir={lower},upperdir={layer}/upper,workdir={layer}/work")

    def _provision(self, authorized_key: str) -> None:
        """Make the base layer and run the provisioning steps in it, in a container without a network."""
        layer, bundle = self._layer("base"), self._bundle("base")
        # On a file system of its own: an overlay's lower layers may not lie inside each other.
        self._mount("tmpfs", layer, "tmpfs", f"mode=700,size={GIB}")
        (layer / "upper").mkdir()
        base_layer.prepare(layer / "upper", self._shared)
        self._overlay("/", layer, bundle / "rootfs")
        self._ledger.record("cgroup", self._group)
        self._template = self._runtime.template(bundle)
        self._write_spec(
            "base",
            network=None,
            argv=base_layer.provisioning(_PROVISION_TARGET),
            environment=(
                f"SAGE_USER={lab_files.USER}",
                f"SAGE_UID={runtime.USERS[lab_files.USER][0]}",
                f"SAGE_AUTHORIZED_KEY={authorized_key}",
                f"SAGE_ENVIRONMENT={sys.prefix}",
            ),
            mounts=(runtime.read_only_mount(PROVISION, _PROVISION_TARGET),),
        )
        ended = self._runtime.run_to_end("base", bundle, timeout=_PROVISION_TIMEOUT)
        if ended.returncode != 0:
            raise ProvisionError(
                f"a provisioning step failed: {(ended.stderr + ended.stdout).strip()[-2000:]}",
                where=str(PROVISION),
                fix="correct the step named above; each may be run again",
            )
        base_layer.write_network_files(bundle / "rootfs" / "etc", lab_files.hosts(self._nodes))
        kernel.umount(bundle / "rootfs")

    def _make_disk(self, node: LabNode) -> None:
        """The node's own disk, which can really fill, and what makes the node this one."""
        layer, bundle = self._layer(node.name), self._bundle(node.name)
        self._mount("tmpfs", layer, "tmpfs", f"mode=700,size={self._topology.disk}")
        self._overlay(f"{self._layer('base')}/upper:/", layer, bundle / "rootfs")
        etc = bundle / "rootfs" / "etc"
        (etc / "hostname").write_text(f"{node.name}\n", encoding="utf-8")
        key = self._directory / "keys" / node.name / lab_files.HOST_KEY
        for source, mode in ((key, 0o600), (key.with_name(f"{key.name}.pub"), 0o644)):
            target = etc / "ssh" / source.name
            target.touch(mode=mode)
            target.write_bytes(source.read_bytes())
        self._write_spec(node.name, network=self._network.path_of(node))

    def _write_spec(self, name: str, *, network: Path | None, **more: Sequence[Any]) -> None:
        bundle = self._bundle(name)
        spec = runtime.spec(
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
        self._runtime.start(node.name, self._bundle(node.name))
