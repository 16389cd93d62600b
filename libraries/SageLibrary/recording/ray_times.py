"""When Ray itself noticed a fault: the moment from which it called the struck raylet DEAD."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from SageLibrary.recording.recording import Fault, RaySight

ALIVE = "ALIVE"
DEAD = "DEAD"
STOPPED = "STOPPED"
"""Not Ray's word: a person stopped the node, so that its end says nothing of a fault."""


def ray_noticed(fault: Fault, faults: Iterable[Fault], sights: Sequence[RaySight]) -> float | None:
    """Seconds from the strike until Ray called the first target DEAD; None when it never did, or was not asked.

    A raylet that lives through a fault and dies of a later one is put down to the later one. ``sights`` are of the
    whole run, oldest first: Ray may notice long after the managers have repaired the node.
    """
    if fault.ineffective:
        return None
    later = [other for other in faults if other.id != fault.id and not other.ineffective]
    times = [_on_node(fault, node, later, sights) for node in fault.targets]
    return min((time for time in times if time is not None), default=None)


def _on_node(fault: Fault, node: str, others: Iterable[Fault], sights: Sequence[RaySight]) -> float | None:
    struck = fault.struck_at(node)
    own = [sight for sight in sights if sight.node == node]
    before = [sight for sight in own if sight.at <= struck]
    dead = {sight.ident for sight in before if sight.state == DEAD}
    alive = [sight.ident for sight in before if sight.state == ALIVE and sight.ident not in dead]
    if not alive:
        return None
    stops = [sight.at for sight in own if sight.state == STOPPED and sight.at > struck]
    ends = [sight.at for sight in own if sight.ident == alive[-1] and sight.state == DEAD]
    if not ends or any(stop <= ends[0] for stop in stops):
        return None
    between = (other for other in others if node in other.targets and struck < other.struck_at(node) <= ends[0])
    # A raylet that was replaced meanwhile cannot die of what came after it.
    newer = [sight.at for sight in own if sight.ident != alive[-1] and sight.at > struck]
    if any(not newer or other.struck_at(node) < newer[0] for other in between):
        return None
    return round(ends[0] - struck, 3)
