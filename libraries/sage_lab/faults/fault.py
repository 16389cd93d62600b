"""The life of a fault: set up, injected, seen, healed, seen to be healed, forgotten."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Self, TypeVar

from sage_lab.errors import LabError, NodeStateError
from sage_lab.faults import events, record
from sage_lab.faults.catalogue import kind_of
from sage_lab.faults.errors import (
    FaultError,
    FaultNotEffectiveError,
    FaultNotHealedError,
)
from sage_lab.faults.kinds import FaultKind, Kind
from sage_lab.faults.lease import end_lease
from sage_lab.faults.record import Record
from sage_lab.lab import Lab

Result = TypeVar("Result")
EFFECT_DEADLINE = 15.0
_POLL = 0.05


class Fault:
    """A fault that was injected. Leaving its context heals it."""

    def __init__(self, lab: Lab, what: Record) -> None:
        self.lab = lab
        self.record = what
        self.acted: dict[str, float] = {}
        """When each node was struck, by the monotonic clock, if this process did it."""

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
        """The nodes that it strikes."""
        return self.record.targets

    @property
    def active(self) -> bool:
        """Whether it is not healed yet, by anybody."""
        return record.is_active(self.lab.directory, self.id)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        try:
            self.heal()
        except LabError as second:
            if error is None:
                raise
            error.add_note(f"healing failed too: {second}")

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

    def strike(self) -> None:
        """Inject it and wait until the effect is seen; raises FaultNotEffectiveError. ``inject`` calls this."""
        began = self._event("inject")
        means = self._kind.means
        plans, lease = self.record.plans, self.record.lease
        try:
            struck = each(self.targets, lambda node: means.inject(self.lab, node, self.id, plans[node], lease))
            self.acted = dict(zip(self.targets, struck, strict=True))
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
            self._clean_up_after(error)
            if isinstance(error, LabError) and not isinstance(error, FaultNotEffectiveError):
                raise self._not_effective(", ".join(self.targets), str(error)) from error
            raise
        self._event("effective", seconds=time.monotonic() - began, acted=self.acted)

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

    def _clean_up_after(self, error: BaseException) -> None:
        try:
            self.heal()
        except LabError as second:
            error.add_note(f"healing failed too: {second}")

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
