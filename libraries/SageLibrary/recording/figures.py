"""How fast a fault was noticed, decided on and repaired, in seconds after it hit the node."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from SageLibrary.recording.budgets import Kept, check
from SageLibrary.recording.events import Event
from SageLibrary.recording.recording import NOBODY, Fault, Recording

RUNNING = "running"


@dataclass(frozen=True)
class Times:
    """What one node went through: seconds after the fault hit it, None when it did not happen in the recording.

    ``before`` is what the supervisor thought of the node when the fault came; empty when there was none.
    """

    before: str = NOBODY
    noticed: float | None = None
    decided: float | None = None
    repaired: float | None = None
    quarantined: float | None = None
    failed_repairs: int = 0


@dataclass(frozen=True)
class Figures:
    """What became of one fault. ``number`` counts the faults of a recording from 1; times in seconds after the hit.

    ``watched`` is how long it could be watched: until the next fault on a target of it, or the recording's end.
    ``ray_noticed`` is when Ray itself called the first target DEAD.
    """

    number: int
    fault: Fault
    watched: float
    nodes: dict[str, Times] = field(default_factory=dict)
    ray_noticed: float | None = None

    @property
    def noticed(self) -> float | None:
        """When the first target was found not to be running."""
        return min((t.noticed for t in self.nodes.values() if t.noticed is not None), default=None)

    @property
    def decided(self) -> float | None:
        """When the first repair of a target was decided on."""
        return min((t.decided for t in self.nodes.values() if t.decided is not None), default=None)

    @property
    def repaired(self) -> float | None:
        """When the last of the targets that were in trouble was well again; None while one of them is not."""
        ends = [times.repaired for times in self.nodes.values() if times.noticed is not None]
        known = [end for end in ends if end is not None]
        return max(known) if known and len(known) == len(ends) else None

    @property
    def quarantined(self) -> float | None:
        """When the first target was given up."""
        return min((t.quarantined for t in self.nodes.values() if t.quarantined is not None), default=None)

    @property
    def noticed_kept(self) -> Kept:
        """Whether it was noticed within the time that its row asked for."""
        return self._kept(self.noticed, self.noticed_limit, self.watched)

    @property
    def repaired_kept(self) -> Kept:
        """Whether everything was well again within the time that its row asked for, counted from the fault's end."""
        lasted = 0.0 if self.fault.healed is None else self.fault.healed - self.fault.injected
        after = None if self.repaired is None else self.repaired - lasted
        return self._kept(after, self.repaired_limit, self.watched - lasted)

    @property
    def noticed_limit(self) -> float | None:
        """Within how many seconds after the hit it was to be noticed; None where no row asked."""
        return self.fault.asked.noticed if self.fault.asked else None

    @property
    def repaired_limit(self) -> float | None:
        """Within how many seconds after its end everything was to be well; None where no row asked."""
        return self.fault.asked.repaired if self.fault.asked else None

    @property
    def row_failed(self) -> bool:
        """Whether the row that asked for its times failed."""
        return self.fault.asked is not None and self.fault.asked.failed

    @property
    def over_budget(self) -> bool:
        """Whether it was noticed or repaired later than its row asked for."""
        return Kept.NO in {self.noticed_kept, self.repaired_kept}

    def to_dict(self) -> dict[str, Any]:
        """As plain values; ``noticed_kept`` and ``repaired_kept`` are within, over budget, open or no budget.

        ``struck``, ``effective`` and ``healed`` are in seconds after injecting began.
        """
        fault = self.fault
        return {
            "fault": fault.id,
            "kind": fault.kind,
            "targets": list(fault.targets),
            "took_effect": not fault.ineffective,
            "struck": {node: _after(at, fault) for node, at in fault.struck.items()},
            "effective": _after(fault.effective, fault),
            "healed": _after(fault.healed, fault),
            "watched": round(self.watched, 3),
            "noticed": self.noticed,
            "ray_noticed": self.ray_noticed,
            "decided": self.decided,
            "repaired": self.repaired,
            "quarantined": self.quarantined,
            "noticed_budget": self.noticed_limit,
            "repaired_budget": self.repaired_limit,
            "noticed_kept": self.noticed_kept.value,
            "repaired_kept": self.repaired_kept.value,
        }

    def _kept(self, seconds: float | None, limit: float | None, watched: float) -> Kept:
        if limit is not None and not self.row_failed:
            return Kept.YES  # a row that passed has measured it
        return check(seconds, limit, watched)


def measure(recording: Recording) -> list[Figures]:
    """The figures of every fault of a recording, in the order of injection."""
    found: list[Figures] = []
    faults = sorted(recording.faults, key=lambda fault: fault.injected)
    for number, fault in enumerate(faults, start=1):
        later = (f.injected for f in faults[number:] if set(f.targets) & set(fault.targets))
        until = min(later, default=recording.end)
        nodes = {
            node: _times(node, _before(node, fault, recording), fault, recording.journal, until)
            for node in fault.targets
        }
        found.append(Figures(number, fault, until - fault.injected, nodes))
    return found


def _before(node: str, fault: Fault, recording: Recording) -> str:
    beliefs = [
        belief.state for belief in recording.beliefs if belief.node == node and belief.at <= fault.struck_at(node)
    ]
    return beliefs[-1] if beliefs else NOBODY


def _times(node: str, before: str, fault: Fault, journal: Iterable[Event], until: float) -> Times:
    noticed = decided = repaired = quarantined = None
    failed, state, struck = 0, before, fault.struck_at(node)
    for event in journal:
        if event.node != node or not struck <= event.at < until:
            continue
        after = round(event.at - struck, 3)
        if event.name == "observed":
            was, state = state, str(event.details.get("state", ""))
            # One that was lost already is not noticed again when it goes from lost to recovering.
            if noticed is None and state != RUNNING and was in {NOBODY, RUNNING}:
                noticed = after
        if event.name == "decided" and decided is None:
            decided = after
        elif event.name == "quarantined" and quarantined is None:
            quarantined = after
        elif event.name == "repair failed" and repaired is None:
            failed += 1
        elif noticed is not None and repaired is None and (event.name == "repaired" or _is_well(event)):
            repaired = after
    return Times(before, noticed, decided, repaired, quarantined, failed)


def _is_well(event: Event) -> bool:
    return event.name == "observed" and event.details.get("state") == RUNNING


def _after(moment: float | None, fault: Fault) -> float | None:
    return None if moment is None else round(moment - fault.injected, 3)
