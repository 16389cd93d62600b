"""What a fault is, as values: its kind, family, options, and the means by which it is made and undone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from sage_lab.lab import Lab

Plan = dict[str, Any]
"""What an injection will do to one node, as plain values: on disk before it is done, and enough to undo it."""
Options = Mapping[str, Any]


class FaultKind(StrEnum):
    """Every fault by its plain name."""

    RAYLET_KILLED = "raylet killed"
    RAYLET_TERMINATED = "raylet terminated"
    RAYLET_STOPPED = "raylet stopped"
    RAYLET_CRASH_LOOP = "raylet crash loop"
    GCS_KILLED = "gcs killed"
    GCS_STOPPED = "gcs stopped"
    DASHBOARD_KILLED = "dashboard killed"
    WORKER_PROCESS_KILLED = "worker process killed"
    POWER_CUT = "power cut"
    REBOOT = "reboot"
    FROZEN = "frozen"
    ISOLATED = "isolated"
    ONE_WAY_IN = "one way in"
    ONE_WAY_OUT = "one way out"
    HALVES = "halves"
    PORT_CUT = "port cut"
    REJECTING = "rejecting"
    DELAYED = "delayed"
    LOSSY = "lossy"
    CORRUPTING = "corrupting"
    DUPLICATING = "duplicating"
    REORDERING = "reordering"
    LIMITED_BANDWIDTH = "limited bandwidth"
    UNPLUGGED = "unplugged"
    SSHD_DOWN = "sshd down"
    KEY_REFUSED = "key refused"
    HOST_KEY_CHANGED = "host key changed"
    BANNER_SILENT = "banner silent"
    CONNECTIONS_RESET = "connections reset"
    SLOW_LOGIN = "slow login"
    TOO_MANY_SESSIONS = "too many sessions"
    DISK_FULL = "disk full"
    READ_ONLY_TEMP_DIR = "read-only temp dir"
    UNWRITABLE_TEMP_DIR = "unwritable temp dir"
    CPU_HOG = "cpu hog"
    MEMORY_HOG = "memory hog"
    PROCESS_TABLE_EXHAUSTED = "process table exhausted"
    FILE_DESCRIPTORS_EXHAUSTED = "file descriptors exhausted"
    CLOCK_JUMPED = "clock jumped"
    CLOCK_DRIFTING = "clock drifting"
    PORT_TAKEN = "port taken"
    STALE_SESSION = "stale session directory"
    CONDA_MISSING = "conda missing"
    RAY_MISSING = "ray missing"
    WRONG_RAY_VERSION = "wrong ray version"


class Family(StrEnum):
    """What a fault strikes."""

    PROCESS = "process"
    NODE = "node"
    PARTITION = "partition"
    LINK = "link"
    SSH = "ssh"
    DISK = "disk"
    RESOURCE = "resource"
    CLOCK = "clock"
    ENVIRONMENT = "environment"


@dataclass(frozen=True)
class Option:
    """One option of a fault; a value must have the type of ``default``."""

    name: str
    default: int | float | str
    meaning: str
    least: float | None = None
    most: float | None = None
    choices: tuple[str, ...] = ()


class Means(Protocol):
    """How a fault is made and undone on one node. Every method raises LabError when it cannot."""

    @property
    def on_node(self) -> bool:
        """Whether the fault lives on the node (its lease too), or outside of it."""

    @property
    def lasts(self) -> bool:
        """Whether the fault is still there after a power cut of the node."""

    def prepare(self, lab: Lab, node: str, fault: str, targets: tuple[str, ...], options: Options) -> Plan:
        """Look, change nothing, and say what will be done. ``fault`` is the fault's id."""

    def inject(self, lab: Lab, node: str, fault: str, plan: Plan, lease: float) -> float:
        """Do it, and return when, in seconds of this machine's monotonic clock.

        If the fault lives on the node, first arm the timer there that heals it after ``lease`` seconds.
        """

    def heal(self, lab: Lab, node: str, fault: str, plan: Plan) -> None:
        """Undo it; undone already, or never done, is no error."""

    def effective(self, lab: Lab, node: str, fault: str, plan: Plan) -> str:
        """Nothing when the effect is seen from outside, else what is seen instead."""

    def recovered(self, lab: Lab, node: str, fault: str, plan: Plan) -> str:
        """Nothing when the effect is over, else what is seen instead."""


def anywhere(_: Lab) -> str:
    """Every lab can have the fault."""
    return ""


@dataclass(frozen=True)
class Kind:
    """One row of the catalogue."""

    kind: FaultKind
    family: Family
    does: str
    means: Means
    options: tuple[Option, ...] = ()
    supported: Callable[[Lab], str] = anywhere
    """Nothing when the lab can have the fault, else the reason why not."""

    @property
    def name(self) -> str:
        """The plain name."""
        return self.kind.value
