"""What a run would do, without doing it: the tests, the nodes and faults in them, and how long they take."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from robot import result, running
from robot.errors import DataError  # type: ignore[import-untyped]  # it has no type hints
from robot.libraries.BuiltIn import BuiltIn

from sage_lab.faults import FaultKind
from SageLibrary.arguments.node_name import is_node
from SageLibrary.arguments.target import WORDS
from SageLibrary.keywords.breaking import faults_in
from SageLibrary.running.durations import Durations, Expected, expected

FAULTS = {kind.value for kind in FaultKind}


@dataclass(frozen=True)
class PlannedTest:
    """One test: what its lines and those of its keywords name; ``problem`` is why it cannot run, or empty."""

    suite: str
    name: str
    tags: tuple[str, ...]
    nodes: tuple[str, ...]
    faults: tuple[str, ...]
    expected: Expected
    problem: str


def plan(
    paths: Sequence[str | Path],
    durations: Durations,
    *,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    tests: Sequence[str] = (),
    variables: Sequence[str] = (),
) -> list[PlannedTest]:
    """The tests of these files and directories that robot would run with the same options, by a dry run of it.

    Touches no machine. Raises robot.errors.DataError for a path without a suite, or without such tests.
    """
    suite = running.TestSuite.from_file_system(*paths)
    suite.configure(include_tags=include or None, exclude_tags=exclude or None, include_tests=tests or None)
    words = _Words()
    done = suite.run(dryrun=True, output=None, console="none", listener=words, variable=variables)
    return [
        _planned(test, words.arguments[test.full_name], words.broken[test.full_name], durations)
        for test in done.suite.all_tests
    ]


class _Words:
    """A listener that gathers for each test the arguments of its keywords, and by their tags what they break."""

    ROBOT_LISTENER_API_VERSION = 3

    def __init__(self) -> None:
        self.arguments: dict[str, list[str]] = defaultdict(list)
        self.broken: dict[str, list[str]] = defaultdict(list)
        self._test = ""

    def start_test(self, data: running.TestCase, _: result.TestCase) -> None:
        self._test = data.full_name

    def end_test(self, data: running.TestCase, _: result.TestCase) -> None:
        del data
        self._test = ""

    def start_library_keyword(self, data: running.Keyword, keyword: running.LibraryKeyword, _: result.Keyword) -> None:
        if self._test:
            self.broken[self._test] += faults_in(keyword.tags)
        self._gather(data)

    def start_user_keyword(self, data: running.Keyword, _: running.UserKeyword, __: result.Keyword) -> None:
        self._gather(data)

    def _gather(self, data: running.Keyword) -> None:
        if not self._test:
            return
        for argument in data.args:
            try:
                value = BuiltIn().replace_variables(argument)
            except DataError:  # known only in a real run
                continue
            self.arguments[self._test] += map(str, value) if isinstance(value, list) else [str(value)]


def _planned(test: result.TestCase, words: Sequence[str], broken: Sequence[str], durations: Durations) -> PlannedTest:
    said = dict.fromkeys(" ".join(word.lower().split()) for word in words)
    suite = test.parent.full_name if test.parent else ""
    return PlannedTest(
        suite,
        test.name,
        tuple(test.tags),
        tuple(word for word in said if word in WORDS or is_node(word)),
        tuple(dict.fromkeys([*(word for word in said if word in FAULTS), *broken])),
        expected(durations, suite, test.name, test.tags),
        "" if test.passed or test.skipped else test.message,
    )
