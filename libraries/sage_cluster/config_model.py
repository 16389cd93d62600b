"""The configuration as a typed, checked value. Unknown keys are allowed and kept."""

from __future__ import annotations

import getpass
import os.path
import posixpath
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from sage_cluster.config_workers import Host, Port, Worker, WorkerList, parse_worker

__all__ = ["Config", "HeadConfig", "SshConfig", "Worker", "WorkerConfig", "parse_worker"]

EXPECTED_DIRECTORY = "an absolute path of a directory of its own, no system directory, such as /tmp/ray_head"
EXPECTED_TEXT = "text of one line"

_SYSTEM_DIRECTORIES = """
    / /bin /boot /dev /dev/shm /etc /home /lib /lib32 /lib64 /media /mnt /opt /proc /root /run /sbin /srv /sys /tmp
    /usr /usr/bin /usr/lib /usr/local /usr/sbin /usr/share /var /var/cache /var/lib /var/log /var/run /var/tmp
"""
SYSTEM_DIRECTORIES = frozenset(_SYSTEM_DIRECTORIES.split())


def _check_line(value: str) -> str:
    if not value or not value.isprintable():
        raise ValueError(EXPECTED_TEXT)
    return value


def _check_temp_dir(value: str) -> str:
    parts = value.split("/")
    # normpath keeps a leading "//": strip it, so that "//usr" is seen as "/usr".
    plain = "/" + posixpath.normpath(value).lstrip("/")
    if not value.startswith("/") or not value.isprintable() or ".." in parts or plain in SYSTEM_DIRECTORIES:
        raise ValueError(EXPECTED_DIRECTORY)
    return value


def _section(value: object) -> object:
    # "head:" with nothing below it is how people leave a section at its defaults.
    return {} if value is None else value


Line = Annotated[str, AfterValidator(_check_line), Field(description=EXPECTED_TEXT)]
OptionalLine = Annotated[Line | None, Field(description=EXPECTED_TEXT)]
OptionalHost = Annotated[Host | None, Field(description="a host name or an IP address, or nothing")]
TempDir = Annotated[str, AfterValidator(_check_temp_dir), Field(description=EXPECTED_DIRECTORY)]
LocalPath = Annotated[Line, AfterValidator(os.path.expanduser), Field(description="a path")]
OptionalLocalPath = Annotated[LocalPath | None, Field(description="a path, or nothing")]
User = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.@\\-]*\$?$", description="a user's login name")]
Switch = Annotated[bool, Field(strict=True, description="true or false")]
Count = Annotated[int, Field(strict=True, ge=1, description="a whole number from 1")]
Retries = Annotated[int, Field(strict=True, ge=0, description="a whole number from 0")]
OptionalCpus = Annotated[int | None, Field(strict=True, ge=0, description="a whole number of CPUs from 0, or nothing")]
OptionalBytes = Annotated[
    int | None, Field(strict=True, ge=1, description="a whole number of bytes from 1, or nothing")
]
Seconds = Annotated[float, Field(strict=True, gt=0, allow_inf_nan=False, description="a number of seconds above 0")]
Arguments = Annotated[
    tuple[Annotated[str, Field(description="text")], ...],
    Field(description="a list of texts, each one argument of ray start"),
]

Patterns = Annotated[
    tuple[Annotated[str, Field(description="text")], ...],
    Field(description="a list of patterns as in .gitignore"),
]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="allow")


class HeadConfig(_Section):
    """The head: where it is, and how Ray is started there. Paths and commands are those of the node."""

    host: Host = "localhost"
    ssh_port: Port = 22
    head_port: Port = 6379
    dashboard: Switch = True
    dashboard_port: Port = 8265
    dashboard_host: Host = "0.0.0.0"  # noqa: S104 - Ray's workers and the user's browser are other machines
    temp_dir: TempDir = "/tmp/ray_head"  # noqa: S108 - a directory on the node, made there with its owner checked
    log_dir: Line = "~/.sage/logs"
    conda_env: OptionalLine = None
    python_path: OptionalLine = None
    ray_command: OptionalLine = None
    sage_home: OptionalLine = None
    num_cpus: OptionalCpus = None
    object_store_memory: OptionalBytes = None
    ray_args: Arguments = ()


class WorkerConfig(_Section):
    """What holds for every worker. Paths are those of the node."""

    bind_host: OptionalHost = None
    temp_dir: TempDir = "/tmp/ray_worker"  # noqa: S108 - a directory on the node, made there with its owner checked
    log_dir: Line = "~/.sage/logs"
    num_cpus: OptionalCpus = None
    object_store_memory: OptionalBytes = None
    ray_args: Arguments = ()


class SshConfig(_Section):
    """How nodes are reached; timeouts in seconds, paths on this machine ("~" is expanded)."""

    user: User = Field(default_factory=getpass.getuser, description="a user's login name")
    key_path: OptionalLocalPath = None
    connect_timeout: Seconds = 10.0
    command_timeout: Seconds = 60.0
    known_hosts: LocalPath = Field(default="~/.ssh/known_hosts", validate_default=True, description="a path")
    host_keys: Annotated[Literal["strict", "accept-new"], Field(description="strict or accept-new")] = "strict"
    max_connections: Count = 50
    retries: Retries = 3
    workers: WorkerList = None


class RemoteConfig(_Section):
    """Where things are on the workers."""

    sage_home: OptionalLine = None
    python_path: OptionalLine = None
    ray_command: OptionalLine = None
    conda_env: OptionalLine = None


class ClusterConfig(_Section):
    """How many workers start at once, and how long starting, stopping and draining may take, in seconds."""

    start_concurrency: Count = 8
    start_timeout: Seconds = 120.0
    stop_timeout: Seconds = 20.0
    drain_timeout: Seconds = 30.0


class RecoveryConfig(_Section):
    """The supervisor: whether `start` begins it, what it calls trouble, and how it repairs. Times in seconds."""

    enabled: Switch = True
    keep_workers: Switch = False
    beat: Seconds = 1.0
    suspect_after: Seconds = 2.5
    silent_after: Seconds = 4.0
    hung_after: Seconds = 2.0
    attempts: Count = 5
    backoff: Seconds = 2.0
    backoff_limit: Seconds = 60.0
    stable_after: Seconds = 60.0


class DeployConfig(_Section):
    """What `deploy` sends to the nodes: paths on this machine; how many releases a node keeps; seconds per node."""

    project: OptionalLocalPath = None
    wheels: OptionalLocalPath = None
    cache: LocalPath = Field(default="~/.cache/sage-cluster", validate_default=True, description="a path")
    exclude: Patterns = ()
    keep: Count = 3
    timeout: Seconds = 300.0


class DaemonConfig(_Section):
    """SAGE's own daemon."""

    host: Host = "localhost"
    port: Port = 19001


class OutputConfig(_Section):
    """How SAGE prints."""

    format: Line = "table"
    colors: Switch = True


class MonitorConfig(_Section):
    """SAGE's monitor; seconds."""

    refresh_interval: Seconds = 5


class JobManagerConfig(_Section):
    """SAGE's job manager; seconds."""

    timeout: Seconds = 300
    retry_attempts: Retries = 3


class Config(_Section):
    """The whole configuration file."""

    head: Annotated[HeadConfig, BeforeValidator(_section)] = HeadConfig()
    worker: Annotated[WorkerConfig, BeforeValidator(_section)] = WorkerConfig()
    ssh: Annotated[SshConfig, BeforeValidator(_section)] = Field(default_factory=SshConfig)
    remote: Annotated[RemoteConfig, BeforeValidator(_section)] = RemoteConfig()
    cluster: Annotated[ClusterConfig, BeforeValidator(_section)] = ClusterConfig()
    recovery: Annotated[RecoveryConfig, BeforeValidator(_section)] = RecoveryConfig()
    deploy: Annotated[DeployConfig, BeforeValidator(_section)] = DeployConfig()
    daemon: Annotated[DaemonConfig, BeforeValidator(_section)] = DaemonConfig()
    output: Annotated[OutputConfig, BeforeValidator(_section)] = OutputConfig()
    monitor: Annotated[MonitorConfig, BeforeValidator(_section)] = MonitorConfig()
    jobmanager: Annotated[JobManagerConfig, BeforeValidator(_section)] = JobManagerConfig()
    workers_ssh_hosts: WorkerList = None

    @property
    def workers(self) -> tuple[Worker, ...]:
        """The workers, in the file's order; ``ssh.workers`` wins where both lists are present."""
        if self.ssh.workers is not None:
            return self.ssh.workers
        return self.workers_ssh_hosts or ()
