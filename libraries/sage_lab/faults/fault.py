"""The life of a fault, from its plan to the last trace of it."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from enum import StrEnum
from types import TracebackType
from typing import Any, Self, TypeVar

from sage_lab.errors import LabError, NodeStateError
from sage_lab.faults import events, record
from sage_lab.faults.catalogue import FaultKind, kind_of
from sage_lab.faults.errors import FaultError, FaultNotEffectiveError, FaultNotHealedError, FaultOptionError
from sage_lab.faults.kinds import Kind
from sage_lab.faults.lease import end_lease, start_lease
from sage_lab.faults.record import Record
from sage_lab.lab import Lab

Result = TypeVar("Result")
EFFECT_DEADLINE = 15.0
_POLL = 0.05


class FaultState(StrEnum):
    """Where in its life a fault is."""

    PREPARED = "prepared"
    """Planned, in the ledger, its lease running; nothing was done to a node."""
    INJECTED = "injected"
    """It may be on the nodes; nobody has seen its effect yet, or somebody else has."""
    EFFECTIVE = "effective"
    """Its effect was seen from outside."""
    HEALED = "healed"
    """Undone, seen to be over, and forgotten."""


class Fault:
    """One fault on its targets. Leaving its context heals it.

    ::

        set_up            inject             effect seen
        ------> PREPARED -------> INJECTED -------------> EFFECTIVE
                   |                 | none in time:          |
                   | heal            | it heals itself        | heal
                   v                 v                        v
                HEALED <--------- undone, seen to be over, forgotten
                                     | not seen in time: FaultNotHealedError,
                                     v the state stays, so that heal can be tried again

    A fault that another process injected begins as INJECTED; whoever heals it (a lease too), it is HEALED for all.
    Only a prepared fault can be injected; healing a healed one does nothing.
    """

    def __init__(self, lab: Lab, what: Record, state: FaultState = FaultState.INJECTED) -> None:
        self.lab = lab
        self.record = what
        self._state = state
        self.injected_at: dict[str, float] = {}
        """When each node was hit, by the monotonic clock, if this process did it."""

    @classmethod
    def set_up(
        cls, lab: Lab, kind: Kind, targets: tuple[str, ...], options: Mapping[str, Any], *, lease: float
    ) -> Self:
        """Look at the targets, write down what will be done to them, and start the lease; changes nothing on a node.

        Raises FaultOptionError, or FaultNotEffectiveError when a target is not as the fault needs it.
        """
        ident = secrets.token_hex(4)
        try:
            plans = each(targets, lambda node: kind.means.prepare(lab, node, ident, targets, options))
        except FaultOptionError:
            raise
        except LabError as error:
            events.write(lab.directory, "ineffective", ident, kind.name, targets, reason=str(error))
            raise FaultNotEffectiveError(
                f"'{kind.name}' cannot be injected: {error.what}", where=error.where, fix=error.fix
            ) from error
        planned = dict(zip(targets, plans, strict=True))
        what = Record(ident, FaultKind(kind.name), targets, dict(options), lease, planned)
        record.write(lab.directory, what)
        if not kind.means.on_node:
            try:
                start_lease(lab.directory, ident, lease)
            except BaseException:
                record.remove(lab.directory, ident)
                raise
        return cls(lab, what, FaultState.PREPARED)

    @property
    def id(self) -> str:
        """The name of this one fault."""
        return self.record.id

    @property
    def kind(self) -> FaultKind:
        """Which fault of the catalogue it is."""
        return self.record.kind

    @property
    def targets(self) -> tuple[str, ...]:
        """The nodes that it breaks."""
        return self.record.targets

    @property
    def state(self) -> FaultState:
        """Where in its life it is, whoever healed it."""
        return self._state if record.is_active(self.lab.directory, self.id) else FaultState.HEALED

    @property
    def active(self) -> bool:
        """Whether it is not healed yet, by anybody."""
        return self.state is not FaultState.HEALED

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        try:
            self.heal()
        except LabError as second:
            if error is None:
                raise
            error.add_note(f"healing failed too: {second}")

    def inject(self) -> None:
        """Do it to all targets and wait until the effect is seen.

        Raises FaultNotEffectiveError after it healed itself, or FaultError unless the fault is prepared.
        """
        if self.state is not FaultState.PREPARED:
            raise FaultError(
                f"'{self.kind}' ({self.id}) is {self.state}: only a prepared fault can be injected",
                where=f"lab {self.lab.name}",
                fix="inject another one",
            )
        began = self._event("inject")
        means, plans, lease = self._kind.means, self.record.plans, self.record.lease
        self._state = FaultState.INJECTED
        try:
            times = each(self.targets, lambda node: means.inject(self.lab, node, self.id, plans[node], lease))
            self.injected_at = dict(zip(self.targets, times, strict=True))
            until = time.monotonic() + EFFECT_DEADLINE * self.lab.pace
            each(
                self.targets,
                lambda node: wait(
                    lambda: means.effective(self.lab, node, self.id, plans[node]),
                    until,
                    lambda seen: self._not_effective(node, seen),
                ),
            )
        except BaseException as error:
            self._event("ineffective", seconds=time.monotonic() - began, reason=str(error))
            self.__exit__(type(error), error, None)
            if isinstance(error, LabError) and not isinstance(error, FaultNotEffectiveError):
                raise self._not_effective(", ".join(self.targets), str(error)) from error
            raise
        self._state = FaultState.EFFECTIVE
        self._event("effective", seconds=time.monotonic() - began, acted=self.injected_at)

    def heal(self, timeout: float = 30.0) -> float:
        """Undo the fault, wait until that is seen, and return how many seconds it took; 0 when healed already.

        A target that is gone counts as healed. Raises FaultNotHealedError after ``timeout`` seconds, longer by the
        lab's pace, with what was seen last; the fault stays active then.
        """
        if not self.active:
            return 0.0
        began = self._event("heal")
        until = began + timeout * self.lab.pace
        each(self.targets, lambda node: self._heal(node, until))
        seconds = time.monotonic() - began
        if self.active:
            self._event("healed", seconds=seconds)
        record.remove(self.lab.directory, self.id)
        end_lease(self.lab.directory, self.id)
        return seconds

    @property
    def _kind(self) -> Kind:
        return kind_of(self.kind)

    def _heal(self, node: str, until: float) -> None:
        means, plan = self._kind.means, self.record.plans[node]

        def attempt() -> str:
            if self._is_gone(node):
                return ""
            means.heal(self.lab, node, self.id, plan)
            return means.recovered(self.lab, node, self.id, plan)

        wait(attempt, until, lambda seen: self._not_healed(node, seen))

    def _is_gone(self, node: str) -> bool:
        """Whether the node is off and the fault with it."""
        if self._kind.means.lasts:
            return False
        try:
            self.lab.run(node, ["true"])
        except NodeStateError as error:
            return "stopped" in error.what
        return False

    def _event(self, event: events.Event, **more: object) -> float:
        return events.write(self.lab.directory, event, self.id, self.kind.value, self.targets, **more)

    def _not_effective(self, where: str, seen: str) -> FaultNotEffectiveError:
        return FaultNotEffectiveError(
            f"'{self.kind}' did not take effect: {seen}",
            where=where,
            fix="what was tested after this is inconclusive; see whether the target was as the fault needs it",
        )

    def _not_healed(self, where: str, seen: str) -> FaultNotHealedError:
        return FaultNotHealedError(
            f"'{self.kind}' ({self.id}) is not healed: {seen}",
            where=where,
            fix="try 'sage-lab faults heal' again, or take the lab down",
        )


def each(nodes: tuple[str, ...], work: Callable[[str], Result]) -> list[Result]:
    """Do the work for all nodes at once, all of them whatever happens; raises the first error."""
    with ThreadPoolExecutor(max_workers=len(nodes)) as pool:
        futures = [pool.submit(work, node) for node in nodes]
    return [future.result() for future in futures]


def wait(look: Callable[[], str], until: float, otherwise: Callable[[str], FaultError]) -> None:
    """Look again until there is nothing more to see; an error counts as something seen."""
    while True:
        try:
            seen = look()
        except (LabError, OSError) as error:
            seen = str(error)
        if not seen:
            return
        if time.monotonic() >= until:
            raise otherwise(seen)
        time.sleep(_POLL)
