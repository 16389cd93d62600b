"""What a run would do, without doing it: the tests, the nodes and faults they name, and how long that took before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from robot.running import TestCase, TestSuite  # type: ignore[import-untyped]  # it has no type hints

from sage_lab.faults import FaultKind
from SageLibrary.node_name import is_node
from SageLibrary.running.durations import Durations, expected
from SageLibrary.target import WORDS


@dataclass(frozen=True)
class PlannedTest:
    """One test: its suite, tags, what its lines name, and what it took last (seconds; None: never run)."""

    suite: str
    name: str
    tags: tuple[str, ...]
    nodes: tuple[str, ...]
    faults: tuple[str, ...]
    seconds: float | None


def plan(
    paths: Sequence[str | Path],
    durations: Durations,
    *,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    tests: Sequence[str] = (),
) -> list[PlannedTest]:
    """The tests of these files and directories that ``robot`` would run with the same options. Touches no machine.

    Raises robot.errors.DataError for a path that holds no suite.
    """
    suite = TestSuite.from_file_system(*paths)
    suite.configure(include_tags=include or None, exclude_tags=exclude or None, include_tests=tests or None)
    return [_planned(test, durations) for test in suite.all_tests]


def _planned(test: TestCase, durations: Durations) -> PlannedTest:
    words = list(dict.fromkeys(str(word).lower() for item in test.body for word in getattr(item, "args", ())))
    faults = {kind.value for kind in FaultKind}
    suite = test.parent.full_name if test.parent else ""
    return PlannedTest(
        suite,
        test.name,
        tuple(test.tags),
        tuple(word for word in words if word in WORDS or is_node(word)),
        tuple(word for word in words if word in faults),
        expected(durations, suite, test.name),
    )
