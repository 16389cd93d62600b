"""How far a run is: the tests that are over, the time that has passed, and the time that is expected in all."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path

from robot import running

from SageLibrary.running.durations import clock, earlier_durations, expected, recordings


class Remaining:
    """Begins with the run. Setups of suites are not counted: what they take is little beside the tests."""

    def __init__(self, tests: Iterable[running.TestCase], results: Path) -> None:
        durations = earlier_durations(recordings(results))
        expectations = {
            test.full_name: expected(durations, test.parent.full_name if test.parent else "", test.name, test.tags)
            for test in tests
        }
        self._seconds = {name: one.seconds for name, one in expectations.items()}
        self._guesses = sum(not one.known for one in expectations.values())
        self._tests = len(self._seconds)
        self._all = sum(self._seconds.values())
        self._began = time.monotonic()
        self._over = self._failed = 0
        self._test: tuple[float, float] | None = None

    @property
    def announced(self) -> str:
        """How many tests there are and how long they take, as far as earlier runs tell."""
        if self._guesses == self._tests:
            return f"{self._tests} tests; how long they take here is known after their first run"
        return f"{self._tests} tests, about {clock(self._all)} minutes{self._doubt}"

    @property
    def elapsed(self) -> str:
        """Minutes and seconds since the begin."""
        return clock(time.monotonic() - self._began)

    def begin(self, test: running.TestCase) -> None:
        """This test runs now."""
        self._test = (self._seconds.pop(test.full_name, 0.0), time.monotonic())

    def end(self, *, failed: bool) -> None:
        """The test is over."""
        self._over += 1
        self._failed += failed
        self._test = None

    def seconds(self) -> float:
        """What is left: of this test what it has not used, and all that follow."""
        of_this = 0.0
        if self._test:
            expectation, began = self._test
            of_this = max(0.0, expectation - (time.monotonic() - began))
        return of_this + sum(self._seconds.values())

    def said(self) -> str:
        """All of it as a line."""
        failed = f", {self._failed} failed" if self._failed else ""
        if self._guesses == self._tests:
            return f"{self._over} of {self._tests} tests over{failed}; {self.elapsed} so far"
        left = f"about {clock(self.seconds())} to go{self._doubt}"
        return f"{self._over} of {self._tests} tests over{failed}; {self.elapsed} so far, {left}"

    @property
    def _doubt(self) -> str:
        return f" ({self._guesses} of them never ran here, a guess)" if self._guesses else ""
