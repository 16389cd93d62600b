"""What happened between two moments: the nodes' states, the supervisor's beliefs, operations and faults."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType

from SageLibrary.recording.events import Event, read_events

NOBODY = ""  # the belief while no supervisor runs


@dataclass(frozen=True)
class Sight:
    """A node in a state from a moment on, in seconds on the monotonic clock."""

    node: str
    state: str
    at: float


@dataclass(frozen=True)
class RaySight:
    """What Ray itself calls a node, ALIVE or DEAD, from a moment on, in seconds on the monotonic clock.

    ``ident`` is Ray's id of the node: a node that was started again has another.
    """

    node: str
    ident: str
    state: str
    at: float


@dataclass(frozen=True)
class Mark:
    """Something that concerns all nodes, at a moment in seconds on the monotonic clock."""

    text: str
    at: float


@dataclass(frozen=True)
class Operation:
    """An operation of a person or a repair; ``end`` is None when it did not end in the recording."""

    name: str
    begin: float
    end: float | None


@dataclass(frozen=True)
class Asked:
    """What a row of a test asked of its fault, in seconds: noticed after the hit, everything well after its end."""

    noticed: float
    repaired: float
    failed: bool = False


@dataclass(frozen=True)
class Fault:
    """An injected fault. All times in seconds on the monotonic clock, None when it did not come to that.

    ``injected`` is when injecting began; ``struck`` when each node was hit, for those of which it is known. A fault
    that took no effect counts as healed when that was found. ``asked`` is None where no row asked for a time.
    """

    id: str
    kind: str
    targets: tuple[str, ...]
    injected: float
    effective: float | None = None
    healed: float | None = None
    ineffective: bool = False
    struck: dict[str, float] = field(default_factory=dict)
    asked: Asked | None = None

    def struck_at(self, node: str) -> float:
        """When it hit this node; when injecting began, where nothing better is known."""
        return self.struck.get(node, self.injected)


@dataclass(frozen=True)
class Recording:
    """Everything between ``begin`` and ``end``, in seconds on the monotonic clock.

    ``sights`` are what the managers' status said, ``beliefs`` what the supervisor thought; both begin with the state
    that each node was in already. ``journal`` reaches back to the injection of the first fault that is still on.
    ``unreadable`` is how many lines of the event files could not be read.
    """

    begin: float
    end: float
    sights: tuple[Sight, ...] = ()
    beliefs: tuple[Sight, ...] = ()
    marks: tuple[Mark, ...] = ()
    operations: tuple[Operation, ...] = ()
    faults: tuple[Fault, ...] = ()
    journal: tuple[Event, ...] = ()
    unreadable: int = 0

    @property
    def nodes(self) -> list[str]:
        """Every node that was seen, believed in or targeted; the head first, then by name."""
        names = {sight.node for sight in (*self.sights, *self.beliefs)}
        names.update(target for fault in self.faults for target in fault.targets)
        return sorted(names, key=lambda node: (node != "head", node))


def collect(
    begin: float,
    end: float,
    sights: Iterable[Sight] = (),
    marks: Iterable[Mark] = (),
    journal: Path | None = None,
    faults: Path | None = None,
    asked: Mapping[str, Asked] = MappingProxyType({}),
) -> Recording:
    """Gather what lies between two moments from the timeline and from the files of the managers and of the lab.

    ``asked`` is what rows asked, by the ids of their faults.
    """
    told = read_events(journal) if journal else None
    injected = read_events(faults) if faults else None
    events = told.events if told else ()
    broken = [
        replace(fault, asked=asked.get(fault.id))
        for fault in _faults(injected.events if injected else ())
        if fault.injected <= end
        and (fault.healed is None or fault.healed >= begin)
        and not _failed_before(fault, begin)
    ]
    since = min([begin, *(fault.injected for fault in broken)])
    return Recording(
        begin,
        end,
        sights=_changes(sights, begin, end),
        beliefs=_changes(_beliefs(events), begin, end),
        marks=tuple(mark for mark in marks if begin <= mark.at <= end),
        operations=tuple(o for o in _operations(events) if o.begin <= end and (o.end is None or o.end >= begin)),
        faults=tuple(broken),
        journal=tuple(event for event in events if since <= event.at <= end),
        unreadable=(told.unreadable if told else 0) + (injected.unreadable if injected else 0),
    )


def _changes(sights: Iterable[Sight], begin: float, end: float) -> tuple[Sight, ...]:
    """Only changes of state, with the state that each node brought into the recording."""
    kept: list[Sight] = []
    last: dict[str, str] = {}
    brought: dict[str, str] = {}
    for sight in sorted(sights, key=lambda sight: sight.at):
        if sight.at <= begin:
            brought[sight.node] = sight.state
        elif sight.at <= end and last.get(sight.node, brought.get(sight.node)) != sight.state:
            last[sight.node] = sight.state
            kept.append(sight)
    return (*(Sight(node, state, begin) for node, state in brought.items()), *kept)


def _beliefs(journal: Iterable[Event]) -> list[Sight]:
    beliefs: list[Sight] = []
    for event in journal:
        if event.name == "observed":
            beliefs.append(Sight(event.node, str(event.details.get("state", "")), event.at))
        elif event.name in {"supervisor started", "supervisor stopped"}:
            # A supervisor that was killed says nothing; the next one begins without its beliefs.
            beliefs += [Sight(node, NOBODY, event.at) for node in dict.fromkeys(b.node for b in beliefs)]
    return beliefs


def _operations(journal: Iterable[Event]) -> list[Operation]:
    found: list[Operation] = []
    for event in journal:
        name = str(event.details.get("operation", ""))
        if event.name == "begin":
            found.append(Operation(name, event.at, None))
        elif event.name in {"end", "torn"}:
            for number in range(len(found) - 1, -1, -1):
                if found[number].name == name and found[number].end is None:
                    found[number] = Operation(name, found[number].begin, event.at)
                    break
    return found


def _faults(events: Iterable[Event]) -> list[Fault]:
    found: dict[str, Fault] = {}
    for event in events:
        key = str(event.details.get("fault", ""))
        if event.name == "inject":
            kind = str(event.details.get("kind", "unknown")).lower().replace("_", " ")
            found[key] = Fault(key, kind, tuple(str(t) for t in event.details.get("targets", ())), event.at)
        elif key in found:
            old = found[key]
            found[key] = Fault(
                old.id,
                old.kind,
                old.targets,
                old.injected,
                effective=event.at if event.name == "effective" else old.effective,
                healed=event.at if event.name in {"healed", "ineffective"} else old.healed,
                ineffective=old.ineffective or event.name == "ineffective",
                struck={**old.struck, **event.details.get("acted", {})},
            )
    return list(found.values())


def _failed_before(fault: Fault, begin: float) -> bool:
    """Whether it was injected before the recording and never took effect, so that it is no matter here."""
    return fault.ineffective and fault.injected < begin
