"""A plan as text for people, and as JSON for programs."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Sequence
from dataclasses import asdict

from SageLibrary.running.durations import clock
from SageLibrary.running.plan import PlannedTest


def as_text(planned: Sequence[PlannedTest]) -> str:
    """A line per test, below it its nodes and faults, and the sum; a time with ~ is guessed from the tags."""
    lines: list[str] = []
    suite = ""
    for test in planned:
        if test.suite != suite:
            suite = test.suite
            lines += ["", suite] if lines else [suite]
        danger = "  (destructive)" if "destructive" in test.tags else ""
        lines.append(f"  {_time(test.expected.seconds, known=test.expected.known):>7}  {test.name}{danger}")
        for what, words in (("nodes", test.nodes), ("faults", test.faults)):
            if words:
                lines.append(f"           {what}: {', '.join(words)}")
        if test.problem:
            lines += textwrap.indent(f"CANNOT RUN: {test.problem}", " " * 11).splitlines()
    seconds = sum(test.expected.seconds for test in planned)
    guessed = sum(1 for test in planned if not test.expected.known)
    more = f"; {guessed} never ran here, their times (~) are guessed from their tags" if guessed else ""
    return "\n".join([*lines, "", f"{len(planned)} tests, {_time(seconds, known=not guessed)} minutes{more}"])


def as_json(planned: Sequence[PlannedTest]) -> str:
    """The same as an object: ``tests``, and ``seconds`` of all; an expectation is ``seconds`` and ``known``."""
    seconds = sum(test.expected.seconds for test in planned)
    return json.dumps({"seconds": seconds, "tests": [asdict(test) for test in planned]}, indent=1)


def _time(seconds: float, *, known: bool) -> str:
    return f"{'' if known else '~'}{clock(seconds)}"
