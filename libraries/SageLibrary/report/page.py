"""The page of a run: one HTML file that needs nothing else, the one thing to open after a run."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Any

from SageLibrary.recording.budgets import Kept
from SageLibrary.recording.run import RecordedTest, Run
from SageLibrary.recording.verdict import BAD, Outcome, verdict_of
from SageLibrary.report import failures, faults_table, frame, green, trend, wording
from SageLibrary.report.frame import BAD_FIRST
from SageLibrary.report.picture_of_test import picture

FILE = "run.html"
FEW = 10
"""With so many tests at most, those that passed a fault lie open."""


def page(run: Run, past: list[dict[str, Any]], results: Path, last_green: green.Green | None = None) -> str:
    """The whole page. ``past`` are the runs of the history, this one last; ``results`` is where the page will lie."""
    sentence, style = headline(run)
    return frame.page(
        run.suite,
        verdict_of(test.outcome for test in run.tests),
        f'{escape(wording.moment(run.time))}. <a href="log.html">Every step</a>',
        [
            frame.verdict(sentence, style, [test.outcome for test in run.tests]),
            failures.section(run, results),
            green.section(run, last_green),
            faults_table.section(run),
            _trend(past),
            _others(run),
        ],
    )


def headline(run: Run) -> tuple[str, str]:
    """The run in one sentence, and the verdict whose colour it has; "late" when all passed, but not in time."""
    ran = len(run.tests) - run.count(Outcome.SKIPPED)
    over = sum(1 for _, figures in run.figures if Kept.NO in {figures.noticed_kept, figures.repaired_kept})
    late = f"; {over} of {len(run.figures)} faults over budget" if over else ""
    bad = [f"{run.count(outcome)} {outcome.value}" for outcome in BAD if run.count(outcome)]
    verdict = verdict_of(test.outcome for test in run.tests).value
    if not ran:
        return f"{verdict.capitalize()}: no test was run.", verdict
    if bad:
        passed = f"{run.count(Outcome.PASSED)} of {ran} tests passed"
        return f"{verdict.capitalize()}: {', '.join([passed, *bad])}{late}.", verdict
    told = "The test" if ran == 1 else f"All {ran} tests"
    return f"{told} passed{late}.", "late" if over else verdict


def _trend(past: list[dict[str, Any]]) -> str:
    pictures = trend.charts(past)
    if not pictures:
        return "<h2>Trend</h2><p>There is no earlier run of these suites to compare with.</p>"
    figures = "".join(f"<figure><figcaption>{escape(title)}</figcaption>{svg}</figure>" for title, svg in pictures)
    return (
        f'<h2>Trend</h2><p class="quiet">The last {len(past)} runs of these suites, this one on the right.</p>'
        f'<div class="charts">{figures}</div>'
    )


def _others(run: Run) -> str:
    """The tests that did nothing wrong; of a short run, those with faults lie open."""
    others = [
        (number, test)
        for outcome in BAD_FIRST
        for number, test in enumerate(run.tests)
        if test.outcome is outcome and outcome not in BAD
    ]
    if not others:
        return ""
    wrong = any(test.outcome in BAD for test in run.tests)
    title = "What happened in the other tests" if wrong else "What happened in each test"
    return f"<h2>{title}</h2>" + "".join(
        _one(number, test, is_open=bool(test.figures) and len(others) <= FEW) for number, test in others
    )


def _one(number: int, test: RecordedTest, *, is_open: bool) -> str:
    message = f'<pre class="message">{escape(test.message)}</pre>' if test.message else ""
    return (
        f"<details{' open' if is_open else ''}><summary>{frame.word(test.outcome)} "
        f'{escape(test.name)} <span class="quiet">{escape(test.suite)}, {test.seconds:.1f} s</span></summary>'
        f"{message}{picture(number, test)}</details>"
    )
