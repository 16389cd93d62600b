"""The page of a run that was made in parts, which have pages of their own: attempts, or suites side by side."""

from __future__ import annotations

import os
from collections.abc import Sequence
from html import escape
from pathlib import Path

from robot.api import ExecutionResult

from SageLibrary.recording.verdict import BAD, verdict_of
from SageLibrary.report import frame
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
    sentence = f"{verdict.value.capitalize()}: {counted(tests)}."
    told = [test for test in tests if test.outcome in BAD or test.flaky]
    rows = "".join(
        f'<section class="wrong {test.outcome.value}"><h2>{frame.word(test.outcome)} {escape(test.name)} '
        f'<span class="quiet">{test.seconds:.1f} s</span></h2><pre class="message">{escape(test.message.strip())}</pre>'
        "</section>"
        for test in told
    )
    links = "".join(f'<li><a href="{escape(str(path))}">{escape(name)}</a></li>' for name, path in parts)
    return frame.page(
        title,
        verdict,
        '<a href="log.html">Every step</a>',
        [
            frame.verdict(sentence, verdict.value, [test.outcome for test in tests]),
            f"<h2>Timelines, faults and evidence</h2><ul>{links}</ul>" if links else "",
            rows,
        ],
    )
