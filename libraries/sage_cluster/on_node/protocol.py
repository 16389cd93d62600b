"""What goes to a node and what comes back, as JSON. The controller and type checkers read this; no node is sent it."""

from __future__ import annotations

from typing import Annotated, Literal, TypeVar

from pydantic import BeforeValidator, Field
from typing_extensions import TypedDict  # pydantic, which checks what comes back, needs it before Python 3.12

FEW = 20
Value = TypeVar("Value")


def _few(value: object) -> object:
    if isinstance(value, dict) and len(value) > FEW:
        raise ValueError(f"it has {len(value)} keys, should have at most {FEW}")
    return value


Many = Annotated[list[Value], Field(fail_fast=True)]
"""A list of which the first wrong value is enough: each costs memory, and a hostile node may say millions."""
Few = Annotated[dict[str, Value], BeforeValidator(_few)]
Role = Literal["head", "worker"]
Versions = Few[str]
"""The versions of "ray" and "python", each with all its parts: Ray compares them so."""


class NodeSpec(TypedDict):
    """What every command is told of its node. An empty string means "not configured". Times are in seconds."""

    role: Role
    name: str
    temp_dir: str
    log_dir: str
    sage_home: str
    ray_command: str
    python_path: str
    conda_env: str
    python: str
    num_cpus: float | None
    object_store_memory: int | None
    ray_args: list[str]
    bind_host: str
    head_host: str
    head_port: int
    dashboard: bool
    dashboard_host: str
    dashboard_port: int
    gcs_storage: bool
    version_check: bool
    keep_logs: int
    answer_timeout: float
    heartbeat_interval: float


class StartSpec(NodeSpec):
    """``timeout`` in seconds. ``session`` that a raylet which runs must be of, any when empty."""

    session: str
    fence: bool
    recover: bool
    timeout: float
    ssh_address: str
    head_versions: Versions


class StopSpec(NodeSpec):
    """``grace`` in seconds between asking and force."""

    grace: float


class ProbeSpec(NodeSpec):
    """Whether the node's ``versions`` are wanted too, which costs it a Python start."""

    versions: bool


class HeadSpec(NodeSpec):
    """The head's own ``address``, where Ray is asked."""

    address: str


class RayViewSpec(HeadSpec):
    """Wait up to ``timeout`` seconds until the nodes with these ids are ALIVE."""

    await_alive: list[str]
    timeout: float


class DrainSpec(HeadSpec):
    """The node that gets no more work; running work has ``timeout`` seconds to end."""

    node_id: str
    timeout: float


class AwaitEndSpec(NodeSpec):
    """Wait up to ``timeout`` seconds."""

    timeout: float


class WatchSpec(NodeSpec):
    """What begins each message. After ``silence`` seconds without a ping the controller is taken for gone."""

    message_frame: str
    silence: float


class LogSpec(NodeSpec):
    """The name of the log, and how many of its last ``lines``."""

    log: str
    lines: int


class DeploySpec(NodeSpec):
    """How many releases to ``keep``, and the deadline of a try in seconds. With ``dry_run`` nothing is changed."""

    keep: int
    dry_run: bool
    timeout: float


class RollbackSpec(NodeSpec):
    """The deadline of a try in seconds."""

    timeout: float


class RayRow(TypedDict):
    """A node as Ray knows it; ``state`` is ALIVE or DEAD."""

    node_id: str
    node_ip: str
    node_name: str
    state: str
    state_message: str


class RayView(TypedDict):
    """All nodes that Ray knows."""

    nodes: Many[RayRow]


class OptionalDashboard(TypedDict, total=False):
    """Either ``ray_version`` with ``session``, or the ``problem``."""

    ray_version: str
    session: str
    problem: str


class Dashboard(OptionalDashboard):
    """Where the dashboard is, and what it answered."""

    url: str


class RayletIdentity(TypedDict):
    """Which raylet it is."""

    node_id: str
    session: str
    address: str
    gcs_address: str


class RunningRaylet(RayletIdentity):
    """A raylet in the process table; ``state`` as in ps."""

    pid: int
    state: str


class ProcessRow(TypedDict):
    """A process of the session; ``start`` in clock ticks since boot, ``state`` as in ps."""

    role: str
    pid: int
    start: int
    state: str


class Started(RayletIdentity):
    """A raylet runs; ``cleared`` is what an earlier, unclean end had left, ``command`` what was run, if anything."""

    already_running: bool
    cleared: Many[str]
    raylet_pid: int
    command: Many[str]


class HeadStarted(Started):
    """With Ray's ``nodes``, and the dashboard's answer where one is wanted."""

    nodes: Many[RayRow]
    dashboard: Dashboard | None


class Stopped(TypedDict):
    """Pids that ended, that ended by force, and that remain; and the sessions removed."""

    was_running: bool
    stopped: Many[int]
    forced: Many[int]
    remaining: Many[int]
    sessions_removed: Many[str]


class OptionalProbe(TypedDict, total=False):
    """On a head that runs Ray's ``nodes``, or why Ray could not be asked; ``versions`` when they were wanted."""

    nodes: Many[RayRow]
    ray_problem: str
    versions: Versions


class Probe(OptionalProbe):
    """What a node says of itself. ``health`` is "ok", "hung", "unknown" or "none"; ``sessions`` are those on disk."""

    hostname: str
    processes: Many[ProcessRow]
    raylet: RunningRaylet | None
    gcs_running: bool
    health: str
    ports: Many[int]
    sessions: Many[str]
    load: float
    free_bytes: int


class Killed(TypedDict):
    """The pid of the raylet that was killed; None when none ran."""

    pid: int | None


class Drained(TypedDict):
    """Ray gives the node no more work."""

    accepted: bool


class Ended(TypedDict):
    """Whether the raylet ended by itself."""

    ended: bool


class LogText(TypedDict):
    """Where the log lies, its last lines, and the names of all logs."""

    path: str
    text: str
    files: Many[str]


class Problem(TypedDict):
    """Instead of an answer: what was asked for cannot be done, and the name of the node's error."""

    problem: str
    kind: str


class Heartbeat(TypedDict):
    """The state of a watched node. ``nodes`` is Ray's view, None where or while it cannot be asked."""

    running: Many[str]
    stopped: Many[str]
    health: str
    node_id: str
    session: str
    nodes: Many[RayRow] | None
    dashboard_wanted: bool


class HeartbeatMessage(TypedDict):
    """A watch's first message, and its answer to each ping."""

    heartbeat: Heartbeat


class ProcessEnded(TypedDict):
    """A watched process has ended: its role and pid."""

    ended: str
    pid: int


WatchMessage = HeartbeatMessage | ProcessEnded


class Lacking(TypedDict):
    """The digests of the files that a node lacks."""

    lacking: Many[str]


class Ready(TypedDict):
    """A release works, and may become the current one."""

    ready: bool


class Working(TypedDict):
    """A heartbeat of a deployment that works."""

    heartbeat: bool


DeployMessage = Lacking | Ready | Working


class Facts(TypedDict):
    """What Ray's Python is, and what is installed in it: names and versions."""

    python: str
    implementation: str
    machine: str
    libc: str
    installed: Many[tuple[str, str]]


class Manifest(TypedDict):
    """What a release consists of: of each file its path, SHA-256, bytes, and whether it is a program."""

    name: str
    files: list[tuple[str, str, int, bool]]
    scripts: dict[str, str]
    imports: list[str]
    entry_points: list[str]


class OptionalDeployed(TypedDict, total=False):
    """``unchanged``, ``removed`` and ``seconds`` per step are a deployment's, the rest that of a switch too.

    A dry run has only the releases.
    """

    unchanged: bool
    removed: Many[str]
    seconds: Few[float]
    restart_needed: bool
    configuration: str


class Deployed(OptionalDeployed):
    """The current release and the one before the call; directories of releases."""

    release: str
    previous: str
