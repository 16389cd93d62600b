"""Faults of a node's clock."""

from __future__ import annotations

from sage_lab.faults.kinds import Family, FaultKind, Kind
from sage_lab.faults.means import OnNode
from sage_lab.lab import Lab


def _needs_a_machine(_: Lab) -> str:
    return "the containers of a lab share the clock of this machine; it takes a virtual machine per node"


KINDS = (
    Kind(
        FaultKind.CLOCK_JUMPED,
        Family.CLOCK,
        "The node's clock is set forward or back.",
        OnNode("clock"),
        supported=_needs_a_machine,
    ),
    Kind(
        FaultKind.CLOCK_DRIFTING,
        Family.CLOCK,
        "The node's clock runs too fast or too slow.",
        OnNode("clock"),
        supported=_needs_a_machine,
    ),
)
