"""Which fault comes next in a soak: drawn from a seed."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from sage_lab.faults import FaultKind
from SageLibrary.stress.model import Deed, Operation

SHORT = (2.0, 5.0)
AT_ONCE = (0.0, 0.0)
ON_A_WORKER: dict[FaultKind, tuple[float, float]] = {
    FaultKind.RAYLET_KILLED: AT_ONCE,
    FaultKind.RAYLET_TERMINATED: AT_ONCE,
    FaultKind.RAYLET_STOPPED: AT_ONCE,
    FaultKind.FROZEN: SHORT,
    FaultKind.ISOLATED: SHORT,
    FaultKind.UNPLUGGED: SHORT,
    FaultKind.ONE_WAY_IN: SHORT,
    FaultKind.ONE_WAY_OUT: SHORT,
    FaultKind.DELAYED: SHORT,
    FaultKind.LOSSY: SHORT,
    FaultKind.SSHD_DOWN: SHORT,
    FaultKind.CONNECTIONS_RESET: SHORT,
    FaultKind.CPU_HOG: SHORT,
    FaultKind.DISK_FULL: SHORT,
    FaultKind.POWER_CUT: SHORT,
    FaultKind.REBOOT: AT_ONCE,
}
"""Faults that a cluster outlives by itself, and how many seconds they last."""
ON_THE_HEAD = {FaultKind.DASHBOARD_KILLED: AT_ONCE, FaultKind.GCS_KILLED: AT_ONCE}


@dataclass(frozen=True)
class Blow:
    """A fault on nodes, for so many seconds, and what a person does when it is healed."""

    kind: FaultKind
    targets: tuple[str, ...]
    lasting: float
    after: Operation

    def __str__(self) -> str:
        return f"{self.kind.value} on {', '.join(self.targets)} for {self.lasting:.0f} s"


def draw(chance: random.Random, workers: Sequence[str], spare: str) -> Blow:
    """The next one. Two workers at once are struck now and then, the head in one of ten."""
    targets = ["head"]
    faults = ON_THE_HEAD
    if chance.random() > 0.1:  # noqa: PLR2004 - as the docstring says
        targets = chance.sample(list(workers), k=chance.choice((1, 1, 1, 2)))
        faults = ON_A_WORKER
    kind = chance.choice(list(faults))
    after = chance.choice(
        (
            Operation(Deed.STATUS),
            Operation(Deed.START_ALL),
            Operation(Deed.RESTART, chance.choice(list(workers))),
            Operation(Deed.ADD, spare),
        )
    )
    return Blow(kind, tuple(targets), chance.uniform(*faults[kind]), after)
