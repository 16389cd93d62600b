"""What a person sees while suites run: a line per test, and on a terminal one line that lives.

Given to robot as ``--console SageLibrary.running.progress.Progress``.
"""

from __future__ import annotations

import os
import shutil
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, cast

from robot import result, running
from robot.libraries.BuiltIn import BuiltIn, RobotNotRunningError
from robot.output import Message  # type: ignore[import-untyped]  # it has no type hints
from robot.output.console import BaseConsole  # type: ignore[import-untyped]  # it has no type hints

from SageLibrary.running.durations import Durations, clock, earlier_durations, expected

if TYPE_CHECKING:
    from SageLibrary import SageLibrary

REFRESH_SECONDS = 0.5
CLEAR = "\r\x1b[2K"


class Progress(BaseConsole):  # type: ignore[misc]  # it has no type hints
    """A line per test with its time. On a terminal the last line has the test that runs, the nodes' states, the
    time that has passed and, where all tests ran before, the time that is left."""

    def __init__(self) -> None:
        super().__init__()
        self._lives = os.isatty(1) and os.environ.get("TERM", "dumb") != "dumb"
        self._guard = threading.RLock()
        self._began = time.monotonic()
        self._durations: Durations | None = None
        self._left: list[tuple[str, str]] = []
        self._count = self._total = 0
        self._test = ""
        self._test_began = 0.0
        self._suite = ""
        self._ended = threading.Event()

    def start_suite(self, data: running.TestSuite, result: result.TestSuite) -> None:
        """The first suite knows all tests; each suite with tests gets a heading."""
        if self._durations is None:
            self._durations = earlier_durations(_results())
            self._left = [(test.parent.full_name, test.name) for test in data.all_tests]
            self._total = len(self._left)
            if self._lives:
                threading.Thread(target=self._refresh, name="progress", daemon=True).start()
        if result.tests or data.tests:
            self._say(f"\n{data.full_name}\n")

    def start_test(self, data: running.TestCase, result: result.TestCase) -> None:
        """The living line shows the test from now on."""
        del result
        with self._guard:
            self._count += 1
            self._test, self._suite, self._test_began = data.name, data.parent.full_name, time.monotonic()
            self._left = self._left[1:]

    def end_test(self, data: running.TestCase, result: result.TestCase) -> None:
        """One line: status, time, name; below it why it failed or was skipped."""
        seconds = time.monotonic() - self._test_began
        with self._guard:
            self._test = ""
            self._wipe()
            self.highlight(result.status, f"{result.status:4}")
            self.write(f" {seconds:6.1f} s  {data.name}\n")
            if result.status != "PASS":
                self.write("".join(f"               {line}\n" for line in result.message.strip().splitlines()[:12]))

    def end_suite(self, data: running.TestSuite, result: result.TestSuite) -> None:
        """The outermost suite ends the living line, and says how many passed; a setup that failed is told."""
        if result.message:
            self._say(f"{data.full_name}: {result.message.strip()}\n")
        if result.parent is None:
            self._ended.set()
            counts = result.statistics
            passed, total = counts.passed, counts.total
            self._say(
                f"\n{passed} of {total} tests passed, {counts.failed} failed, {counts.skipped} skipped, "
                f"in {clock(time.monotonic() - self._began)}\n"
            )

    def message(self, msg: Message) -> None:
        """Warnings and errors stand on lines of their own."""
        with self._guard:
            self._wipe()
            super().message(msg)

    def _say(self, text: str) -> None:
        with self._guard:
            self._wipe()
            self.write(text)

    def _wipe(self) -> None:
        if self._lives:
            self.write(CLEAR)

    def _refresh(self) -> None:
        while not self._ended.wait(REFRESH_SECONDS):
            with self._guard:
                width = shutil.get_terminal_size().columns - 1
                self.write(CLEAR + self._line()[:width])

    def _line(self) -> str:
        now = time.monotonic()
        passed = f"{self._count}/{self._total}  {clock(now - self._began)}"
        left = self._time_left(now)
        parts = [passed + (f", {clock(left)} to go" if left is not None else "")]
        if self._test:
            parts.append(f"{self._test} {clock(now - self._test_began)}")
        parts += [f"{node} {state}" for node, state in _states().items()]
        return "  ".join(parts)

    def _time_left(self, now: float) -> float | None:
        durations = self._durations or {}
        known = [expected(durations, suite, test) for suite, test in self._left]
        if any(seconds is None for seconds in known):
            return None
        of_this = expected(durations, self._suite, self._test) if self._test else 0.0
        rest = max(0.0, (of_this or 0.0) - (now - self._test_began)) if self._test else 0.0
        return rest + sum(seconds or 0.0 for seconds in known)


def _results() -> Path:
    """Where this run, and those before it, leave their files."""
    return Path(str(BuiltIn().get_variable_value("${OUTPUT DIR}", "results")))


def _states() -> dict[str, str]:
    """The last known state of each node; nothing before a lab is up."""
    try:
        library = BuiltIn().get_library_instance("SageLibrary")
    except (RobotNotRunningError, RuntimeError):
        return {}
    states: dict[str, str] = cast("SageLibrary", library).stage.timeline.states()
    return states
