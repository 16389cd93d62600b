"""Faults of a node's clock."""

from __future__ import annotations

import time

from sage_lab.faults.kinds import Family, Kind, Option, Plan
from sage_lab.faults.means import OnNode
from sage_lab.faults.on_node.clock_faults import DriftingClock, JumpedClock
from sage_lab.lab import Lab
from sage_lab.providers import Capability

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
        "clock jumped",
        Family.CLOCK,
        "The node's clock is set forward or back.",
        OnNode(JumpedClock, effective_probe=_tells_another_time),
        (Option("seconds", 600.0, "by how much; below 0 it is set back", least=-1e6, most=1e6),),
        needs=Capability.CLOCK,
    ),
    Kind(
        "clock drifting",
        Family.CLOCK,
        "The node's clock runs too fast or too slow.",
        OnNode(DriftingClock),
        (Option("percent", 5.0, "by how much; below 0 it runs too slow", least=-9, most=9),),
        needs=Capability.CLOCK,
    ),
)
