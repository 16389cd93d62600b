"""What a person sees while suites run: a line per test, and on a terminal lines below that live.

Given to robot as ``--console SageLibrary.running.progress.Progress``.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, cast

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text
from robot import result, running
from robot.libraries.BuiltIn import BuiltIn, RobotNotRunningError
from robot.output import Message  # type: ignore[import-untyped]  # it has no type hints
from robot.output.console import BaseConsole  # type: ignore[import-untyped]  # it has no type hints

from SageLibrary.report.colours import colour_of
from SageLibrary.running.remaining import Remaining

if TYPE_CHECKING:
    from SageLibrary import SageLibrary
    from SageLibrary.observers.timeline import Timeline

REFRESHES_PER_SECOND = 2
MOST_LINES = 12
STYLES = {"PASS": "green", "FAIL": "bold red", "SKIP": "yellow"}


class Progress(BaseConsole):  # type: ignore[misc]  # it has no type hints
    """A line per test with its time, and below one that failed or was skipped why.

    On a terminal up to three lines live below: how many tests are over, the time that has passed and the time that is
    expected in all; the test and the row that run; the nodes' states. Elsewhere there are no such lines and no colours.
    """

    def __init__(self) -> None:
        super().__init__()
        self._out = Console(file=sys.__stdout__, highlight=False, markup=False, emoji=False, soft_wrap=True)
        self._live: Live | None = None
        self._timeline: Timeline | None = None
        self._remaining: Remaining | None = None
        self._test = self._row = ""
        self._test_began = 0.0
        self._depth = 0

    def start_suite(self, data: running.TestSuite, result: result.TestSuite) -> None:
        """The first suite knows all tests; each suite that has tests of its own gets a heading."""
        del result
        if self._remaining is None:
            self._remaining = Remaining(data.all_tests, _results())
            self._say(Text(self._remaining.announced, style="dim"))
            if self._out.is_terminal and not self._out.is_dumb_terminal:
                self._live = Live(
                    get_renderable=self._living_lines,
                    console=self._out,
                    refresh_per_second=REFRESHES_PER_SECOND,
                    transient=True,
                    redirect_stdout=False,
                    redirect_stderr=False,
                    vertical_overflow="crop",
                )
                self._live.start()
        if data.tests:
            self._say(Text(f"\n{data.full_name}", style="bold"))

    def start_test(self, data: running.TestCase, result: result.TestCase) -> None:
        """The living lines show the test from now on."""
        del result
        self._test, self._test_began, self._depth = data.name, time.monotonic(), 0
        if self._remaining:
            self._remaining.begin(data)

    def end_test(self, data: running.TestCase, result: result.TestCase) -> None:
        """One line: status, seconds, name; below it why it failed or was skipped."""
        self._test = self._row = ""
        if self._remaining:
            self._remaining.end(failed=result.failed)
        seconds = time.monotonic() - self._test_began
        line = Text.assemble((f"{result.status:4}", STYLES.get(result.status, "")), f" {seconds:6.1f} s  {data.name}")
        self._say(line)
        if result.status != "PASS":
            lines = result.message.strip().splitlines()
            more = [f"... {len(lines) - MOST_LINES} lines more in the log"] if len(lines) > MOST_LINES else []
            self._say(Text("\n".join(f"               {line}" for line in [*lines[:MOST_LINES], *more])))

    def start_keyword(self, data: running.Keyword, result: result.Keyword) -> None:
        """The living lines show the test's own steps, with their arguments."""
        del result
        self._depth += 1
        if self._depth == 1:
            self._timeline = self._timeline or _timeline()
            self._row = "  ".join([data.name or "", *map(str, data.args)])

    def end_keyword(self, data: running.Keyword, result: result.Keyword) -> None:
        """The step is over."""
        del data, result
        self._depth -= 1
        if self._depth == 0:
            self._row = ""

    def end_suite(self, data: running.TestSuite, result: result.TestSuite) -> None:
        """A setup or teardown that failed is told; the outermost suite ends the living lines and counts."""
        if result.message:
            self._say(Text(f"{data.full_name}: {result.message.strip()}", style="bold red"))
        if result.parent is None:
            if self._live:
                self._live.stop()
                self._live = None
            counts = result.statistics
            took = f", in {self._remaining.elapsed}" if self._remaining else ""
            self._say(Text(f"\n{counts.passed} passed, {counts.failed} failed, {counts.skipped} skipped{took}"))

    def message(self, msg: Message) -> None:
        """Warnings and errors stand on lines of their own."""
        if self._live and msg.level in {"WARN", "ERROR"} and msg.console and msg.message is not None:
            self._say(Text(f"[ {msg.level} ] {msg.message}", style="yellow"))
        else:
            super().message(msg)

    def _say(self, text: Text) -> None:
        self._out.print(text)
        if self._out.file:
            self._out.file.flush()

    def _living_lines(self) -> RenderableType:
        lines = [Text(self._remaining.said() if self._remaining else "", no_wrap=True, overflow="ellipsis")]
        if self._row:
            taken = f"{self._test}  {int(time.monotonic() - self._test_began)} s  " if self._test else ""
            lines.append(Text(taken + self._row, no_wrap=True, overflow="ellipsis"))
        parts: list[str | tuple[str, str]] = []
        for node, state in (self._timeline.states() if self._timeline else {}).items():
            parts += [f"{node} ", (state, colour_of(state)), "  "]
        if parts:
            lines.append(Text.assemble(*parts, no_wrap=True, overflow="ellipsis"))
        return Group(*lines)


def _results() -> Path:
    """Where this run leaves its files, and those before it did."""
    return Path(str(BuiltIn().get_variable_value("${OUTPUT DIR}", "results")))


def _timeline() -> Timeline | None:
    """The timeline of the run; None before a suite imports the library."""
    try:
        return cast("SageLibrary", BuiltIn().get_library_instance("SageLibrary")).stage.timeline
    except (RobotNotRunningError, RuntimeError):
        return None
