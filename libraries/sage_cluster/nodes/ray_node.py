"""The one place that knows how Ray is started, found, probed and stopped on a node.

The work is done there by `sage_cluster.nodes.program`; the answer comes back as one line of JSON.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from sage_cluster.config.schema import Config, Worker
from sage_cluster.errors import CommandTimeoutError, NodeError, RayStartError
from sage_cluster.nodes.program import ANSWER, READ_PROGRAM, program
from sage_cluster.ssh.connection import SshStream, Target
from sage_cluster.ssh.pool import SshPool

KEPT_LOGS = 5
SAGE_HOME = "~/.sage"


@dataclass(frozen=True)
class RayNode:
    """One configured node: its name, where its sshd listens, and what the node needs to know for its Ray."""

    name: str
    role: str
    target: Target
    spec: dict[str, Any]


class RayNodes:
    """Runs the node-side commands over SSH. Every method raises SshError, or NodeError with the node's own words."""

    def __init__(self, pool: SshPool) -> None:
        self._pool = pool

    def start(
        self,
        node: RayNode,
        *,
        session: str,
        fence: bool,
        timeout: float,
        recover: bool = False,
        head_versions: dict[str, str] | None = None,
    ) -> dict[str, Any]:
        """Start Ray there within ``timeout`` seconds, unless it runs in this ``session`` (any, when empty) already.

        With ``fence`` what runs there is ended first; a head may ``recover`` the tables that its GCS left on disk.
        A worker whose Ray or Python are not ``head_versions`` is refused before anything is started.
        The answer is that of `sage_cluster.on_node.start.start`, for a head of `sage_cluster.on_node.head.start_head`.
        """
        address = self._pool.connection(node.target).peer_address
        spec = {"session": session, "fence": fence, "timeout": timeout, "ssh_address": address, "recover": recover}
        spec |= {"head_versions": head_versions or {}}
        command = "start_head" if node.role == "head" else "start"
        return self._ask(node, command, spec, timeout + 3 * node.spec["answer_timeout"])

    def stop(self, node: RayNode, *, grace: float) -> dict[str, Any]:
        """Stop Ray there: ``grace`` seconds to end by itself, then by force. NodeError when a process survives."""
        answer = self._ask(node, "stop", {"grace": grace}, grace + 2 * node.spec["answer_timeout"])
        if answer["remaining"]:
            raise NodeError(
                f"processes {answer['remaining']} survived even SIGKILL",
                where=node.name,
                fix="they are stuck in the kernel (state D in ps): look at the node's disks and network mounts",
            )
        return answer

    def probe(self, node: RayNode, *, versions: bool = False) -> dict[str, Any]:
        """What the node says of itself, with its ``versions`` if asked; see `sage_cluster.on_node.probe.probe`."""
        return self._ask(node, "probe", {"versions": versions}, node.spec["answer_timeout"])

    def ray_view(
        self, head: RayNode, *, address: str, await_alive: tuple[str, ...] = (), timeout: float = 0.0
    ) -> list[dict[str, Any]]:
        """The nodes that Ray knows, asked on the head, whose own ``address`` is given.

        Waits up to ``timeout`` seconds until the nodes ``await_alive`` are ALIVE; the last answer counts either way.
        """
        spec = {**_gcs(head, address), "await_alive": await_alive, "timeout": timeout}
        return list(self._ask(head, "ray_view", spec, timeout + 2 * head.spec["answer_timeout"])["nodes"])

    def dashboard(self, head: RayNode, *, address: str) -> dict[str, Any]:
        """Ask the dashboard over HTTP, on the head; see `sage_cluster.on_node.ray_view.dashboard`."""
        return self._ask(head, "dashboard", {"address": address}, head.spec["answer_timeout"])

    def drain(self, head: RayNode, *, address: str, node_id: str, timeout: float) -> None:
        """Tell Ray to give a node no more work; running work has ``timeout`` seconds to end."""
        spec = {**_gcs(head, address), "node_id": node_id, "timeout": timeout}
        self._ask(head, "drain", spec, 2 * head.spec["answer_timeout"])

    def kill_raylet(self, node: RayNode) -> int | None:
        """SIGKILL the raylet there, as a crash would. Its pid, or None when none ran."""
        pid: int | None = self._ask(node, "kill_raylet", {}, node.spec["answer_timeout"])["pid"]
        return pid

    def read_log(self, node: RayNode, log: str, lines: int) -> dict[str, Any]:
        """The end of a log there; see `sage_cluster.on_node.logs.read_log`."""
        return self._ask(node, "read_log", {"log": log, "lines": lines}, node.spec["answer_timeout"])

    def follow_log(self, node: RayNode, log: str, on_output: Callable[[str], None], seconds: float) -> None:
        """Pass on what is written to a log there, for at most ``seconds``."""
        path = self.read_log(node, log, 0)["path"]
        with suppress(CommandTimeoutError):
            self._pool.run(node.target, ["tail", "-n", "0", "-F", path], timeout=seconds, on_output=on_output)

    def await_raylet_end(self, node: RayNode, timeout: float) -> bool:
        """Whether the raylet there ended by itself within ``timeout`` seconds."""
        deadline = timeout + node.spec["answer_timeout"]
        return bool(self._ask(node, "await_raylet_end", {"timeout": timeout}, deadline)["ended"])

    def forget(self, node: RayNode) -> None:
        """Drop the connection to a node, so that the next call makes a new one."""
        self._pool.drop(node.target)

    def watch(self, node: RayNode) -> SshStream:
        """Begin to watch the node: lines of JSON as `sage_cluster.on_node.watch` says, a beat for each line sent."""
        text = program()
        argv = [node.spec["python"], "-I", "-S", "-u", "-c", READ_PROGRAM, str(len(text.encode()))]
        stream = self._pool.connection(node.target).stream([*argv, "watch", json.dumps(node.spec)])
        stream.send(text)
        return stream

    def _ask(self, node: RayNode, command: str, extra: dict[str, Any], timeout: float) -> dict[str, Any]:
        specification = json.dumps({**node.spec, **extra})
        done = self._pool.run(
            node.target,
            [node.spec["python"], "-I", "-S", "-", command, specification],
            timeout=timeout,
            stdin=program(),
        )
        for line in done.stdout.splitlines():
            if line.startswith(ANSWER):
                answer: dict[str, Any] = json.loads(line[len(ANSWER) :])
                if "kind" in answer:
                    kind = RayStartError if answer["kind"] == "RayStartFailedError" else NodeError
                    raise kind(answer["problem"], where=node.name)
                return answer
        raise NodeError(
            f"'{command}' ended with status {done.returncode} and no answer: {done.stderr.strip()[-2000:]}",
            where=node.name,
            fix=f"see whether {node.spec['python']} runs there; set python_path or ray_command in the configuration",
        )


def head_node(config: Config) -> RayNode:
    """The head as configured."""
    head = config.head
    spec = {
        **_shared(config),
        **_environment(head.ray_command, head.python_path, head.conda_env),
        "role": "head",
        "sage_home": head.sage_home or SAGE_HOME,
        "name": head.host,
        "temp_dir": head.temp_dir,
        "log_dir": head.log_dir,
        "num_cpus": head.num_cpus,
        "object_store_memory": head.object_store_memory,
        "ray_args": list(head.ray_args),
        "gcs_storage": config.recovery.keep_workers,
        "version_check": config.cluster.version_check,
    }
    return RayNode(head.host, "head", Target(head.host, head.ssh_port), spec)


def worker_node(config: Config, worker: Worker, *, beside: Sequence[Worker] = ()) -> RayNode:
    """A worker, configured or not, with the settings for workers. ``beside``: those that are added together with it.

    It is named by its host. Where a host has several workers, the one that was configured first is, and the others are
    named by host and port: so nobody's name changes when another one is added.
    """
    first = next((other for other in (*config.workers, *beside) if other.host == worker.host), worker)
    name = worker.host if first.port == worker.port else f"{worker.host}:{worker.port}"
    settings, remote = config.worker, config.remote
    spec = {
        **_shared(config),
        **_environment(remote.ray_command, remote.python_path, remote.conda_env),
        "role": "worker",
        "sage_home": remote.sage_home or SAGE_HOME,
        "name": name,
        "temp_dir": settings.temp_dir,
        "log_dir": settings.log_dir,
        "num_cpus": settings.num_cpus,
        "object_store_memory": settings.object_store_memory,
        "ray_args": list(settings.ray_args),
        "bind_host": settings.bind_host or "",
    }
    return RayNode(name, "worker", Target(worker.host, worker.port), spec)


def worker_nodes(config: Config) -> list[RayNode]:
    """All workers, in the order of the configuration."""
    return [worker_node(config, worker) for worker in config.workers]


def _shared(config: Config) -> dict[str, Any]:
    head = config.head
    return {
        "head_host": head.host,
        "head_port": head.head_port,
        "dashboard": head.dashboard,
        "dashboard_host": head.dashboard_host,
        "dashboard_port": head.dashboard_port,
        "keep_logs": KEPT_LOGS,
        "answer_timeout": config.cluster.answer_timeout,
    }


def _environment(ray_command: str | None, python_path: str | None, conda_env: str | None) -> dict[str, str]:
    python = python_path or "python3"
    if not python_path and ray_command and "/" in ray_command:
        python = ray_command.rsplit("/", 1)[0] + "/python3"
    return {
        "ray_command": ray_command or "",
        "python_path": python_path or "",
        "conda_env": conda_env or "",
        "python": python,
    }


def _gcs(head: RayNode, address: str) -> dict[str, Any]:
    return {"address": address, "gcs_address": f"{address}:{head.spec['head_port']}"}
