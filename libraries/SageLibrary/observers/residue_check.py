"""What each test left behind on the nodes, compared with how it found them."""

from __future__ import annotations

import time

from sage_lab import Lab, LabError
from sage_lab.faults import Leak, Origin, Residue, active, compare, heal_all, snapshot

SETTLE_SECONDS = 3.0  # a login that is just ending is not residue
POLL_SECONDS = 0.2


class ResidueCheck:
    """Looks at all nodes before a suite's first test and after each test."""

    def __init__(self) -> None:
        self._suite = ""
        self._lab = ""
        self._before: Residue | None = None
        self._unseen: LabError | None = None

    def begin(self, lab: Lab, suite: str) -> None:
        """A test of this suite begins. What keeps it from looking is raised by `end`."""
        if (self._lab, self._suite) == (lab.name, suite) and self._before:
            return
        self._lab, self._suite, self._unseen = lab.name, suite, None
        try:
            self._before = snapshot(lab)
        except LabError as error:
            self._before, self._unseen = None, error

    def end(self, lab: Lab) -> list[Leak]:
        """Each thing that is left after the test; faults that are still active are healed. Raises LabError."""
        if self._unseen:
            raise self._unseen
        left = [
            Leak(", ".join(fault.targets), f"'{fault.kind.value}' was not healed", Origin.TEST) for fault in active(lab)
        ]
        heal_all(lab)
        before, until = self._before, time.monotonic() + SETTLE_SECONDS
        while True:
            self._before = snapshot(lab)
            found = compare(before, self._before) if before else []
            if not found or time.monotonic() >= until:
                return left + found
            time.sleep(POLL_SECONDS)
