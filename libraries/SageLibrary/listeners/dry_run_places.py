"""Where a mistake lies that a dry run finds: the file and the line, in front of the message."""

from __future__ import annotations

import re
from pathlib import Path

from robot import result, running
from robot.libraries.BuiltIn import BuiltIn

REPEATED = re.compile(r"^ValueError: Argument '(.+?)' got value '.*?' that cannot be converted to [^:]+: ")
ARGUMENT = r"\1: "  # what is wrong with its value follows


class PlacesListener:
    """In a dry run, gives each mistake of a test its place; a real run says it in the log."""

    ROBOT_LISTENER_API_VERSION = 3

    def __init__(self) -> None:
        self._in_suites: list[list[str]] = []
        self._found: list[str] = []

    def start_suite(self, _: running.TestSuite, __: result.TestSuite) -> None:
        """What is found now is of the suite's setup."""
        self._in_suites.append([])
        self._found = self._in_suites[-1]

    def end_suite(self, _: running.TestSuite, __: result.TestSuite) -> None:
        """Forget the suite's setup."""
        self._in_suites.pop()

    def start_test(self, _: running.TestCase, __: result.TestCase) -> None:
        """What is found now is of this test."""
        self._found = []

    def end_keyword(self, data: running.Keyword, result: result.Keyword) -> None:
        """Keep a mistake and its place, once: those around it only repeat it."""
        if not BuiltIn().dry_run_active or not result.failed or _has_failed_part(result):
            return
        self._found.append(f"{_place(data.source, data.lineno)}: {REPEATED.sub(ARGUMENT, result.message)}")

    def end_test(self, data: running.TestCase, result: result.TestCase) -> None:
        """Say where each mistake lies."""
        if not BuiltIn().dry_run_active or not result.failed:
            return
        setups = [mistake for suite in self._in_suites for mistake in suite]
        if setups or self._found:
            result.message = "\n".join([*setups, *self._found])
        else:
            result.message = f"{_place(data.source, data.lineno)}: {result.message}"


def _has_failed_part(result: result.Keyword) -> bool:
    return any(getattr(part, "failed", False) for part in result.body)


def _place(source: Path | None, line: int | None) -> str:
    if source is None:
        return "unknown place"
    try:
        path = source.resolve().relative_to(Path.cwd())
    except ValueError:
        path = source
    return f"{path}:{line}"
