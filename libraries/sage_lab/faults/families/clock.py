"""Faults of a node's clock."""

from __future__ import annotations

import time

from sage_lab.faults.kinds import Family, FaultKind, Kind, Option, Plan
from sage_lab.faults.means import OnNode
from sage_lab.lab import Lab

_HALF = 0.5


def _tells_another_time(lab: Lab, node: str, plan: Plan) -> str:
    """This machine's clock is the witness: the node's has to be far from it."""
    asked = time.time()
    done = lab.run(node, ["date", "+%s.%N"])
    away = float(done.stdout) - (asked + time.time()) / 2
    enough = away / plan["seconds"] >= _HALF
    return "" if enough else f"its clock is {away:+.1f} s from this machine's"


KINDS = (
    Kind(
        FaultKind.CLOCK_JUMPED,
        Family.CLOCK,
        "The node's clock is set forward or back.",
        OnNode("jumped-clock", effective_probe=_tells_another_time),
        (Option("seconds", 600.0, "by how much; below 0 it is set back", least=-1e6, most=1e6),),
    ),
    Kind(
        FaultKind.CLOCK_DRIFTING,
        Family.CLOCK,
        "The node's clock runs too fast or too slow.",
        OnNode("drifting-clock"),
        (Option("percent", 5.0, "by how much; below 0 it runs too slow", least=-9, most=9),),
    ),
)
