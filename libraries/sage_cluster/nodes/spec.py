"""The configured nodes, and what each of them has to know of itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sage_cluster.config.schema import Config, HeadConfig, RemoteConfig, Worker, WorkerConfig
from sage_cluster.on_node.protocol import NodeSpec, Role
from sage_cluster.ssh.connection import Target

KEPT_LOGS = 5
SAGE_HOME = "~/.sage"


@dataclass(frozen=True)
class RayNode:
    """One configured node: its name, where its sshd listens, and what the node needs to know for its Ray."""

    name: str
    role: Role
    target: Target
    spec: NodeSpec


def head_node(config: Config) -> RayNode:
    """The head as configured."""
    head = config.head
    spec = _spec(config, "head", head.host, head, head)
    return RayNode(head.host, "head", Target(head.host, head.ssh_port), spec)


def worker_node(config: Config, worker: Worker, *, beside: Sequence[Worker] = ()) -> RayNode:
    """A worker, configured or not, with the settings for workers. ``beside``: those that are added together with it.

    Its name is the configuration's, see `Config.worker_names`: nobody's changes when another one is added.
    """
    return _worker_node(config, worker, config.worker_names((*beside, worker))[worker.place])


def worker_nodes(config: Config) -> list[RayNode]:
    """All workers, in the order of the configuration."""
    names = config.worker_names()
    return [_worker_node(config, worker, names[worker.place]) for worker in config.workers]


def _worker_node(config: Config, worker: Worker, name: str) -> RayNode:
    spec = _spec(config, "worker", name, config.worker, config.remote)
    return RayNode(name, "worker", Target(worker.host, worker.port), spec)


def _spec(
    config: Config, role: Role, name: str, settings: HeadConfig | WorkerConfig, programs: HeadConfig | RemoteConfig
) -> NodeSpec:
    head = config.head
    python = programs.python_path or "python3"
    if not programs.python_path and programs.ray_command and "/" in programs.ray_command:
        python = programs.ray_command.rsplit("/", 1)[0] + "/python3"
    return {
        "role": role,
        "name": name,
        "temp_dir": settings.temp_dir,
        "log_dir": settings.log_dir,
        "sage_home": programs.sage_home or SAGE_HOME,
        "ray_command": programs.ray_command or "",
        "python_path": programs.python_path or "",
        "conda_env": programs.conda_env or "",
        "python": python,
        "num_cpus": settings.num_cpus,
        "object_store_memory": settings.object_store_memory,
        "ray_args": list(settings.ray_args),
        "bind_host": (isinstance(settings, WorkerConfig) and settings.bind_host) or "",
        "head_host": head.host,
        "head_port": head.head_port,
        "dashboard": head.dashboard,
        "dashboard_host": head.dashboard_host,
        "dashboard_port": head.dashboard_port,
        "gcs_storage": config.recovery.keep_workers,
        "version_check": config.cluster.version_check,
        "keep_logs": KEPT_LOGS,
        "answer_timeout": config.cluster.answer_timeout,
        "heartbeat_interval": config.recovery.beat,
    }
