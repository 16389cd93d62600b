"""Failed tests once more: each attempt keeps its own files, all are merged, and who passed late is flaky."""

from __future__ import annotations

import re
import shutil
import sys
import textwrap
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from robot.api import ExecutionResult, ResultVisitor
from robot.model import TestCase  # type: ignore[import-untyped]  # it has no type hints
from robot.rebot import rebot  # type: ignore[import-untyped]  # it has no type hints

from SageLibrary.recording.verdict import FLAKY, Outcome, outcome_of, verdict_of
from SageLibrary.report.page import FILE as PAGE
from SageLibrary.report.parts import write_parts
from SageLibrary.running.robot_process import WRONG_USAGE, run_robot

OUTPUT, LOG, REPORT = "output.xml", "log.html", "report.html"
FIRST_PAGE, PARTS = "run-attempt-1.html", "pabot_results"
"""The page of the first attempt, which stays where its evidence lies; and where suites side by side leave theirs."""
EARLIER = ".earlier"
OF_A_RUN = (OUTPUT, PAGE, FIRST_PAGE, PARTS)
NUMBERED = re.compile(r"attempt-(\d+)")


@dataclass(frozen=True)
class Attempt:
    """How one attempt of a test ended; ``log`` is where that is shown."""

    number: int
    outcome: Outcome
    message: str
    log: Path

    def __str__(self) -> str:
        was = "" if self.outcome in {Outcome.PASSED, Outcome.FAILED} else "was "
        return f"attempt {self.number} {was}{self.outcome.value}"


@contextmanager
def in_place_of_earlier(directory: Path) -> Iterator[Callable[[], None]]:
    """What an earlier run left here and could be taken for this one's is out of the way meanwhile, and then removed.

    Whoever calls what this gives has run nothing, and finds everything again as it was.
    """
    aside = directory / EARLIER
    _remove(aside)
    kept = [path for path in directory.glob("*") if path.name in OF_A_RUN or NUMBERED.fullmatch(path.name)]
    for path in kept:
        aside.mkdir(exist_ok=True)
        path.replace(aside / path.name)

    def put_back() -> None:
        for path in kept:
            _remove(path)
            (aside / path.name).replace(path)

    yield put_back
    _remove(aside)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def run_failed_again(directory: Path, options: Sequence[str], suites: Sequence[str], times: int) -> int:
    """Run the tests that failed in ``directory`` again until all pass, at most so many times.

    The first attempt's robot files move to ``attempt-1`` below it, the others' go beside that, and ``directory`` gets
    the merged result. Returns robot's exit status: how many failed at last, or what ended it. Tests that passed after
    all have the tag ``flaky``; of several failures the gravest counts.
    """
    status = 0
    for _ in range(times):
        if not any(test.failed for test in ExecutionResult(directory / OUTPUT).suite.all_tests):
            break
        number = len(_numbered(directory)) or 1
        again = directory / f"attempt-{number + 1}"
        failed = ["--rerunfailed", str(directory / OUTPUT)]
        status = run_robot([sys.executable, "-m", "robot", "--outputdir", str(again), *options, *failed, *suites])
        if status >= WRONG_USAGE or not (again / OUTPUT).exists():
            return status
        if number == 1:
            _put_aside(directory)
        outputs = _numbered(directory)
        merge(outputs, directory)
        later = [(f"attempt {n}", output.with_name(PAGE)) for n, output in enumerate(outputs[1:], start=2)]
        write_parts(directory / OUTPUT, [("attempt 1", directory / FIRST_PAGE), *later])
    return status


def merge(outputs: Sequence[Path], directory: Path) -> None:
    """Write one output.xml, log and report of these attempts, oldest first."""
    rebot(*outputs, merge=True, output=OUTPUT, log=None, report=None, outputdir=directory, stdout=None)
    merged = ExecutionResult(directory / OUTPUT)
    merged.visit(_Judge(_attempts(outputs), directory))
    merged.save(directory / OUTPUT)
    rebot(directory / OUTPUT, outputdir=directory, output=None, stdout=None)


def suites_of(output: Path) -> list[str]:
    """The files and directories that the run of this output.xml was given."""
    suite = ExecutionResult(output).suite
    return [str(suite.source)] if suite.source else [str(child.source) for child in suite.suites]


def _numbered(directory: Path) -> list[Path]:
    """The outputs of all attempts, oldest first; none before a test was run again."""
    found = {int(match[1]): path for path in directory.glob("*/") if (match := NUMBERED.fullmatch(path.name))}
    return [path / OUTPUT for _, path in sorted(found.items()) if (path / OUTPUT).exists()]


def _put_aside(directory: Path) -> None:
    first = directory / "attempt-1"
    first.mkdir(exist_ok=True)
    for name in (LOG, REPORT, OUTPUT):
        if (directory / name).exists():
            (directory / name).replace(first / name)
    if (directory / PAGE).exists():
        (directory / PAGE).replace(directory / FIRST_PAGE)


def _attempts(outputs: Sequence[Path]) -> dict[str, list[Attempt]]:
    found: dict[str, list[Attempt]] = {}
    for number, output in enumerate(outputs, start=1):
        for test in ExecutionResult(output).suite.all_tests:
            outcome = outcome_of(test.status, test.message)
            attempt = Attempt(number, outcome, test.message.strip(), output.with_name(LOG))
            found.setdefault(test.full_name, []).append(attempt)
    return found


class _Judge(ResultVisitor):  # type: ignore[misc]  # it has no type hints
    """Says of each test that was run again what became of every attempt, in place of rebot's HTML."""

    def __init__(self, attempts: dict[str, list[Attempt]], directory: Path) -> None:
        self._attempts = attempts
        self._directory = directory

    def visit_test(self, test: TestCase) -> None:
        attempts = self._attempts[test.full_name]
        if len(attempts) == 1:
            return
        *before, last = attempts
        said = ", ".join(map(str, attempts))
        if last.outcome is Outcome.PASSED:
            test.tags.add(FLAKY)
            test.message = "\n\n".join([said, *map(self._told, before)])
            return
        test.status = test.FAIL  # one that was skipped at last has not shown the failure to be gone
        outcome = verdict_of(attempt.outcome for attempt in attempts)
        gravest = next(attempt for attempt in reversed(attempts) if attempt.outcome is outcome)
        others = [attempt for attempt in attempts if attempt is not gravest]
        test.tags.remove([f"verdict-{one.value}" for one in Outcome])
        if outcome is not Outcome.FAILED:
            test.tags.add(f"verdict-{outcome.value}")
        test.message = "\n\n".join([gravest.message, said, *map(self._told, others)])

    def _told(self, attempt: Attempt) -> str:
        """An attempt and its message, set in, so that the message does not count as this test's own."""
        log = attempt.log.relative_to(self._directory)
        return f"{attempt} ({log}):\n{textwrap.indent(attempt.message or 'no message', '    ')}"
