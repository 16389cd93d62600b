"""The configuration as a typed, checked value. Unknown keys are allowed and kept.

The text below each key is what the configuration reference says of it.
"""

from __future__ import annotations

import getpass
import os.path
import posixpath
from collections import Counter
from collections.abc import Iterable, Sequence
from ipaddress import ip_address
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

from sage_cluster.config.workers import Host, Port, Worker, WorkerList, node_names, parse_worker, parse_workers

__all__ = ["Config", "HeadConfig", "SshConfig", "Worker", "WorkerConfig", "parse_worker", "parse_workers"]

EXPECTED_DIRECTORY = "an absolute path of a directory of its own, no system directory, such as /tmp/ray_head"
EXPECTED_TEXT = "text of one line"

_SYSTEM_DIRECTORIES = """
    / /bin /boot /dev /dev/shm /etc /home /lib /lib32 /lib64 /media /mnt /opt /proc /root /run /sbin /srv /sys /tmp
    /usr /usr/bin /usr/lib /usr/local /usr/sbin /usr/share /var /var/cache /var/lib /var/log /var/run /var/tmp
"""
SYSTEM_DIRECTORIES = frozenset(_SYSTEM_DIRECTORIES.split())

SOCKET_BYTES = 107
"""Of a Unix socket's path on Linux, unix(7). Ray (2.60) makes its sockets below its session's directory."""
SESSION = "/session_2026-01-31_12-34-56_123456_4194304/sockets/"
STORE, DASHBOARD_MODULE = "plasma_store", "dash_MetricsHead"
"""The longest names of sockets: on every node, and of a dashboard."""

OWN_ARGUMENTS = {
    "--head": "a node's role is the configuration's",
    "--address": "the head is where head.host says",
    "--port": "set head.head_port instead",
    "--node-ip-address": "set head.host or worker.bind_host instead",
    "--node-name": "a node's name is the configuration's",
    "--temp-dir": "set temp_dir beside it instead",
    "--include-dashboard": "set head.dashboard instead",
    "--dashboard-host": "set head.dashboard_host instead",
    "--dashboard-port": "set head.dashboard_port instead",
    "--block": "a start ends when Ray runs",
}
"""The arguments of `ray start` that the managers give it themselves."""
OWN_WHERE_SET = {"--num-cpus": "num_cpus", "--object-store-memory": "object_store_memory"}

RAYS_PORTS = {"--ray-client-server-port": 10001, "--dashboard-agent-listen-port": 52365}
"""Arguments of `ray start` that name a port of the head, with Ray's defaults."""
MORE_PORTS = (
    *("--dashboard-agent-grpc-port", "--metrics-export-port", "--runtime-env-agent-port"),
    *("--node-manager-port", "--object-manager-port"),
)
WORKER_PORTS = {"--min-worker-port": 10002, "--max-worker-port": 19999}


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
    return _check_room_for_sockets(value, STORE)


def _check_room_for_sockets(temp_dir: str, longest: str) -> str:
    length, most = len(temp_dir.encode()), SOCKET_BYTES - len(f"{SESSION}{longest}")
    if length > most:
        raise ValueError(f"a path of at most {most} bytes (it has {length}), as Ray's sockets lie below it")
    return temp_dir


def is_loopback(host: str) -> bool:
    """Whether only the machine itself reaches what listens there."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def argument(arguments: Sequence[str], option: str) -> str | None:
    """The value of an option in the arguments of `ray start`; empty where it has none, None without the option."""
    for index, word in enumerate(arguments):
        name, equals, value = word.partition("=")
        if name == option:
            return value if equals else "".join(arguments[index + 1 : index + 2])
    return None


def _check_arguments(arguments: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
    set_here = {option: key for option, key in OWN_WHERE_SET.items() if info.data.get(key) is not None}
    own = OWN_ARGUMENTS | {option: f"{key} beside it says it" for option, key in set_here.items()}
    for option, reason in own.items():
        if argument(arguments, option) is not None:
            raise ValueError(f"no {option}, which the managers decide: {reason}")
    return arguments


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
Unjudged = Annotated[Any, Field(description="anything: it is SAGE's own, kept and not judged")]
Arguments = Annotated[
    tuple[Annotated[str, Field(description="text")], ...],
    AfterValidator(_check_arguments),
    Field(description="a list of texts, each one argument of ray start"),
]

Patterns = Annotated[
    tuple[Annotated[str, Field(description="text")], ...],
    Field(description="a list of patterns as in .gitignore"),
]


def _section(value: object) -> object:
    # "head:" with nothing below it is how people leave a section at its defaults.
    return {} if value is None else value


def _anything(value: object) -> object:
    return value if isinstance(value, dict) else {}


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="allow")


# What fits alone may not fit what another key says, whether it is written or a default.
_ALSO_DEFAULT = Field(validate_default=True)


class HeadConfig(_Section):
    """The head: where it is, and how Ray is started there. Paths and commands are those of the node."""

    host: Host = "localhost"
    """Where the head is. It is reached over SSH, also when it is this machine."""
    ssh_port: Port = 22
    """Its SSH port."""
    head_port: Port = 6379
    """The port of Ray's GCS: workers join there."""
    dashboard: Switch = True
    """Whether Ray's dashboard runs."""
    dashboard_port: Annotated[Port, _ALSO_DEFAULT] = 8265
    """The dashboard's port on the head."""
    dashboard_host: Host = "127.0.0.1"
    """Where the dashboard listens on the head. It has no login: who reaches it can run code as the cluster's user."""
    temp_dir: TempDir = "/tmp/ray_head"  # noqa: S108 - a directory on the node, made there with its owner checked
    """Ray's files on the head."""
    log_dir: Line = "~/.sage/logs"
    """Where Ray's logs on the head are kept when a session has ended."""
    conda_env: OptionalLine = None
    """The conda environment that has Ray; it is activated."""
    python_path: OptionalLine = None
    """The Python that has Ray: `ray` lies beside it."""
    ray_command: OptionalLine = None
    """The `ray` program; otherwise the one of `conda_env`, beside `python_path`, or on the PATH."""
    sage_home: OptionalLine = None
    """Where deployed releases lie on the head; otherwise `~/.sage`."""
    num_cpus: OptionalCpus = None
    """How many CPUs Ray may use; otherwise all."""
    object_store_memory: OptionalBytes = None
    """Bytes of Ray's object store; otherwise Ray decides."""
    ray_args: Annotated[Arguments, _ALSO_DEFAULT] = ()
    """Further arguments of `ray start`."""

    @field_validator("dashboard_port")
    @classmethod
    def _other_port(cls, port: int, info: ValidationInfo) -> int:
        if info.data.get("dashboard") and port == info.data.get("head_port"):
            raise ValueError("a port of its own: head.head_port is the same")
        return port

    @field_validator("temp_dir")
    @classmethod
    def _room_for_dashboard(cls, temp_dir: str, info: ValidationInfo) -> str:
        return _check_room_for_sockets(temp_dir, DASHBOARD_MODULE) if info.data.get("dashboard") else temp_dir

    @field_validator("ray_args")
    @classmethod
    def _other_ports(cls, arguments: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        """Ray refuses a port that two of its servers would take."""
        keys = ["head_port", "dashboard_port"] if info.data.get("dashboard") else ["head_port"]
        taken = {info.data[key]: f"head.{key}" for key in keys if key in info.data}
        given = {option: argument(arguments, option) or "" for option in (*RAYS_PORTS, *MORE_PORTS)}
        for option, text in given.items():
            port = int(text) if text.isdecimal() else RAYS_PORTS.get(option, 0)
            if port in taken:
                raise ValueError(f"another port for {option}: {taken[port]} is {port} too")
            taken |= {port: option} if port else {}
        if argument(arguments, "--worker-port-list") is not None:
            return arguments
        least, most = (
            int(text) if (text := argument(arguments, option) or "").isdecimal() else default
            for option, default in WORKER_PORTS.items()
        )
        for port, key in taken.items():
            if least and most and least <= port <= most:
                raise ValueError(
                    f"worker ports (--min-worker-port {least}, --max-worker-port {most}) without {port}: {key} has it"
                )
        return arguments


class WorkerConfig(_Section):
    """What holds for every worker. Paths are those of the node."""

    bind_host: OptionalHost = None
    """The address of the worker that Ray uses; otherwise the one that SSH reaches."""
    temp_dir: TempDir = "/tmp/ray_worker"  # noqa: S108 - a directory on the node, made there with its owner checked
    """Ray's files on each worker."""
    log_dir: Line = "~/.sage/logs"
    """Where Ray's logs on a worker are kept when a session has ended."""
    num_cpus: OptionalCpus = None
    """How many CPUs Ray may use on each worker; otherwise all."""
    object_store_memory: OptionalBytes = None
    """Bytes of Ray's object store on each worker; otherwise Ray decides."""
    ray_args: Arguments = ()
    """Further arguments of `ray start`."""


class SshConfig(_Section):
    """How nodes are reached; timeouts in seconds, paths on this machine ("~" is expanded)."""

    user: User = Field(default_factory=getpass.getuser, description="a user's login name")
    """Who logs in on the nodes; otherwise your own user name."""
    key_path: OptionalLocalPath = None
    """The private key; otherwise the keys of the SSH agent."""
    connect_timeout: Seconds = 10.0
    """How long a node may take to let us in."""
    command_timeout: Seconds = 60.0
    """How long a command on a node may take where nothing else says so."""
    known_hosts: LocalPath = Field(default="~/.ssh/known_hosts", validate_default=True, description="a path")
    """The file of known host keys."""
    host_keys: Annotated[Literal["strict", "accept-new"], Field(description="strict or accept-new")] = "strict"
    """`strict`: only known keys are accepted. `accept-new`: the key of a host is recorded at first contact."""
    max_connections: Count = 50
    """How many connections may be open at once."""
    retries: Retries = 3
    """How often a connection that failed for a passing reason is tried again."""
    workers: WorkerList = None
    """The workers. Counts instead of `workers_ssh_hosts` where both are present."""


class RemoteConfig(_Section):
    """Where things are on the workers."""

    sage_home: OptionalLine = None
    """Where deployed releases lie on the workers; otherwise `~/.sage`."""
    python_path: OptionalLine = None
    """The Python that has Ray: `ray` lies beside it."""
    ray_command: OptionalLine = None
    """The `ray` program; otherwise the one of `conda_env`, beside `python_path`, or on the PATH."""
    conda_env: OptionalLine = None
    """The conda environment that has Ray; it is activated."""


class ClusterConfig(_Section):
    """How many workers start at once, and how long starting, stopping and draining may take, in seconds."""

    start_concurrency: Count = 8
    """How many workers start at once. Fewer where nodes share a machine."""
    start_timeout: Seconds = 120.0
    """How long a node may take to start and to join."""
    answer_timeout: Seconds = 15.0
    """How long a node may take to answer a question about itself. More on slow machines."""
    stop_timeout: Seconds = 20.0
    """How long a node's processes may take to end before they are forced."""
    drain_timeout: Seconds = 30.0
    """How long running work may take to end before its worker is removed."""
    version_check: Switch = True
    """Whether a worker is refused, before anything starts there, whose Ray or Python are not the head's."""


class RecoveryConfig(_Section):
    """The supervisor: whether `start` begins it, what it calls trouble, and how it repairs. Times in seconds."""

    enabled: Switch = True
    """Whether `start` begins a supervisor."""
    keep_workers: Switch = False
    """Whether workers live on while a dead head is brought back (Ray's RocksDB storage: alpha in Ray)."""
    beat: Seconds = 1.0
    """How often each node is pinged, which it answers with a heartbeat."""
    suspect_after: Seconds = 2.5
    """A node is suspect after this much silence."""
    silent_after: Seconds = 4.0
    """A node is lost after this much silence."""
    hung_after: Seconds = 2.0
    """A stopped raylet or GCS is called hung after this time; one that only answers late after five times this."""
    attempts: Count = 5
    """Repairs without success until a node is left to a person."""
    backoff: Seconds = 2.0
    """The pause after the first repair; it doubles with each."""
    backoff_limit: Seconds = 60.0
    """The longest pause between two repairs."""
    stable_after: Seconds = 60.0
    """A node that ran this long is well again: its earlier repairs count no more."""


class DeployConfig(_Section):
    """What `deploy` sends to the nodes: paths on this machine; how many releases a node keeps; seconds per node."""

    project: OptionalLocalPath = None
    """What is sent: a project's directory, or a wheel."""
    wheels: OptionalLocalPath = None
    """A directory of all wheels that the project needs. With it, no package index is asked."""
    cache: LocalPath = Field(default="~/.cache/sage-cluster", validate_default=True, description="a path")
    """Where wheels are kept on this machine."""
    exclude: Patterns = ()
    """What is not sent, beside what git ignores, secrets, caches and data."""
    keep: Count = 3
    """How many releases each node keeps, for `--rollback`."""
    timeout: Seconds = 300.0
    """How long a deployment may take on one node."""


class DaemonConfig(_Section):
    """SAGE's own daemon."""

    host: Unjudged = "localhost"
    """Where SAGE's daemon listens."""
    port: Unjudged = 19001
    """Its port."""


class OutputConfig(_Section):
    """How SAGE prints."""

    format: Unjudged = "table"
    """How SAGE prints results."""
    colors: Unjudged = True
    """Whether SAGE prints in colours."""


class MonitorConfig(_Section):
    """SAGE's monitor; seconds."""

    refresh_interval: Unjudged = 5
    """How often SAGE's monitor looks."""


class JobManagerConfig(_Section):
    """SAGE's job manager; seconds."""

    timeout: Unjudged = 300
    """How long SAGE's job manager waits."""
    retry_attempts: Unjudged = 3
    """How often it tries again."""


class Config(_Section):
    """The whole configuration file."""

    head: Annotated[HeadConfig, BeforeValidator(_section)] = HeadConfig()
    worker: Annotated[WorkerConfig, BeforeValidator(_section)] = WorkerConfig()
    ssh: Annotated[SshConfig, BeforeValidator(_section)] = Field(default_factory=SshConfig)
    remote: Annotated[RemoteConfig, BeforeValidator(_section)] = RemoteConfig()
    cluster: Annotated[ClusterConfig, BeforeValidator(_section)] = ClusterConfig()
    recovery: Annotated[RecoveryConfig, BeforeValidator(_section)] = RecoveryConfig()
    deploy: Annotated[DeployConfig, BeforeValidator(_section)] = DeployConfig()
    daemon: Annotated[DaemonConfig, BeforeValidator(_anything)] = DaemonConfig()
    output: Annotated[OutputConfig, BeforeValidator(_anything)] = OutputConfig()
    monitor: Annotated[MonitorConfig, BeforeValidator(_anything)] = MonitorConfig()
    jobmanager: Annotated[JobManagerConfig, BeforeValidator(_anything)] = JobManagerConfig()
    workers_ssh_hosts: WorkerList = None
    """The workers, each where its SSH server listens. A worker is named by its host, unless it has a `name`."""

    @property
    def workers(self) -> tuple[Worker, ...]:
        """The workers, in the file's order; ``ssh.workers`` wins where both lists are present."""
        if self.ssh.workers is not None:
            return self.ssh.workers
        return self.workers_ssh_hosts or ()

    def worker_names(self, more: Iterable[Worker] = ()) -> dict[tuple[str, int], str]:
        """The name of each worker by its host and SSH port; and of ``more`` workers that are added to them."""
        workers: dict[tuple[str, int], Worker] = {}
        for worker in (*self.workers, *more):
            workers.setdefault(worker.place, worker)
        return node_names(self.head.host, workers.values())

    @model_validator(mode="after")
    def _nodes_are_apart(self) -> Self:
        names = [self.head.host, *self.worker_names().values()]
        twice = next((name for name, count in Counter(names).items() if count > 1), None)
        if twice:
            raise ValueError(f"each node by a name of its own, but two are named {twice}: give a worker another name")
        for worker in self.workers:
            if self.shares_directory(worker) and worker.port == self.head.ssh_port:
                raise ValueError(
                    f"a temp_dir for each node, but worker {worker} is on the head's machine, and head.temp_dir and "
                    f"worker.temp_dir are both {self.worker.temp_dir}: set one of them to another directory"
                )
        return self

    def shares_directory(self, worker: Worker) -> bool:
        """Whether a worker's Ray and the head's have one directory, unless another port leads to another machine."""
        one_host = worker.host == self.head.host or (is_loopback(worker.host) and is_loopback(self.head.host))
        return one_host and posixpath.normpath(self.head.temp_dir) == posixpath.normpath(self.worker.temp_dir)
