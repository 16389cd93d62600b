"""What a fault is, as values: its row in the catalogue, its options, and the means by which it is made and undone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from sage_lab.lab import Lab
from sage_lab.providers import Capability

Plan = dict[str, Any]
"""What an injection will do to one node, as plain values: on disk before it is done, and enough to undo it."""
Options = Mapping[str, Any]


class Family(StrEnum):
    """What a fault breaks."""

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
    """Every lab has it."""
    return ""


@dataclass(frozen=True)
class Kind:
    """One row of the catalogue: all that is known of one kind of fault."""

    name: str
    """Its plain name."""
    family: Family
    does: str
    means: Means
    options: tuple[Option, ...] = ()
    needs: Capability | None = None
    """What the machines have to be capable of, beyond running commands of root."""
    besides: Callable[[Lab], str] = anywhere
    """Nothing when the lab has what else the fault takes, such as a module of the kernel; else the reason."""

    def supported(self, lab: Lab) -> str:
        """Nothing when the lab can have the fault, else the reason why not."""
        return (lab.unsupported_reason(self.needs) if self.needs else "") or self.besides(lab)
