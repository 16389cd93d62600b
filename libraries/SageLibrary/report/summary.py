"""A finished run in short, for a job page in Markdown and for programs in JSON."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from robot.result import TestCase  # type: ignore[import-untyped]  # it has no type hints

from SageLibrary.recording.rows import failures
from SageLibrary.recording.verdict import BAD, FLAKY, MEANING, STATUS, Outcome, outcome_of, verdict_of

CHARACTERS = 300


@dataclass(frozen=True)
class EndedTest:
    """A test that ended: its full name, outcome, seconds, whether it passed only at a later attempt, its message."""

    name: str
    outcome: Outcome
    seconds: float
    flaky: bool
    message: str

    @classmethod
    def of(cls, test: TestCase) -> EndedTest:
        """A test as it stands in an output.xml."""
        outcome = outcome_of(test.status, test.message, test.tags)
        return cls(test.full_name, outcome, test.elapsed_time.total_seconds(), FLAKY in test.tags, test.message)

    @property
    def reason(self) -> str:
        """The first line of the first failure in the message, and how many more there are."""
        first, *more = failures(self.message)
        said = (first.splitlines() or ["no message"])[0]
        return f"{said} (and {len(more)} more)" if more else said


def counted(tests: Sequence[EndedTest]) -> str:
    """How many ended in which way: "12 passed, 1 failed"."""
    counts = Counter(test.outcome for test in tests)
    return ", ".join(f"{counts[outcome]} {outcome.value}" for outcome in Outcome if counts[outcome]) or "no tests"


def as_json(tests: Sequence[EndedTest]) -> str:
    """``verdict``, ``status`` (the exit status), ``counts`` by outcome, and ``tests`` with all that is known."""
    verdict = verdict_of(test.outcome for test in tests)
    content: dict[str, Any] = {
        "verdict": verdict.value,
        "status": STATUS[verdict],
        "counts": dict(Counter(test.outcome.value for test in tests)),
        "tests": [{**asdict(test), "seconds": round(test.seconds, 3)} for test in tests],
    }
    return json.dumps(content, indent=1) + "\n"


def as_markdown(tests: Sequence[EndedTest], title: str) -> str:
    """A heading with the verdict, the counts, and a table of what did not pass and what was flaky."""
    verdict = verdict_of(test.outcome for test in tests)
    lines = [f"## {title}: {verdict.value}", "", f"{MEANING[verdict].capitalize()}. {counted(tests)}."]
    rows = [test for test in tests if test.outcome in BAD or test.flaky]
    if rows:
        lines += ["", "| test | outcome | seconds | why |", "|---|---|---|---|"]
        lines += [
            f"| {_cell(test.name)} | {'flaky' if test.flaky else test.outcome.value} | {test.seconds:.0f} "
            f"| {_cell(test.reason[:CHARACTERS]) if test.outcome in BAD else 'passed at a later attempt'} |"
            for test in rows
        ]
    return "\n".join([*lines, ""])


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")
