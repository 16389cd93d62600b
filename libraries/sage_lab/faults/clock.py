"""Faults of a node's clock."""

from __future__ import annotations

from sage_lab.faults.kinds import Family, FaultKind, Kind
from sage_lab.faults.means import OnNode

KINDS = (
    Kind(
        FaultKind.CLOCK_JUMPED,
        Family.CLOCK,
        "The node's clock is set forward or back.",
        OnNode("clock"),
    ),
    Kind(
        FaultKind.CLOCK_DRIFTING,
        Family.CLOCK,
        "The node's clock runs too fast or too slow.",
        OnNode("clock"),
    ),
)
