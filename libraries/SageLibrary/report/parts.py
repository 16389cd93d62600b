"""The page of a run that was made in parts, which have pages of their own: attempts, or suites side by side."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from robot.api import ExecutionResult

from SageLibrary.recording.verdict import BAD, verdict_of
from SageLibrary.report.frame import render
from SageLibrary.report.page import FILE
from SageLibrary.report.summary import EndedTest, counted

Part = tuple[str, Path]
"""What a part is called, and its page."""


def write_parts(output: Path, parts: Sequence[Part]) -> Path:
    """Write the page beside ``output``, the merged output.xml of all ``parts``; those without a page are left out."""
    suite = ExecutionResult(output).suite
    target = output.with_name(FILE)
    links = [(name, Path(os.path.relpath(page, output.parent))) for name, page in parts if page.exists()]
    target.write_text(page(suite.name, [EndedTest.of(test) for test in suite.all_tests], links), encoding="utf-8")
    return target


def page(title: str, tests: Sequence[EndedTest], parts: Sequence[Part]) -> str:
    """The whole page: the verdict of all, what did not simply pass, and the way to each part."""
    verdict = verdict_of(test.outcome for test in tests)
    return render(
        "parts",
        title=title,
        verdict=verdict,
        sentence=f"{verdict.value.capitalize()}: {counted(tests)}.",
        style=verdict.value,
        outcomes=[test.outcome for test in tests],
        parts=parts,
        told=[test for test in tests if test.outcome in BAD or test.flaky],
    )
