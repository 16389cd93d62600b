"""The page of a run: one HTML file that needs nothing else, the one thing to open after a run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from SageLibrary.recording.run import RecordedTest, Run
from SageLibrary.recording.verdict import BAD, Outcome, verdict_of
from SageLibrary.report import faults_table, green, trend
from SageLibrary.report.failures import failures
from SageLibrary.report.frame import BAD_FIRST, render
from SageLibrary.report.lanes import Picture, of_test

FILE = "run.html"
FEW = 10
"""With so many tests at most, those that passed a fault lie open."""


@dataclass(frozen=True)
class Other:
    """A test that did nothing wrong, this one of its run."""

    number: int
    test: RecordedTest
    picture: Picture | None
    is_open: bool


def page(run: Run, past: list[dict[str, Any]], results: Path, last_green: green.Green | None = None) -> str:
    """The whole page. ``past`` are the runs of the history, this one last; ``results`` is where the page will lie."""
    sentence, style = headline(run)
    return render(
        "run",
        title=run.suite,
        verdict=verdict_of(test.outcome for test in run.tests),
        sentence=sentence,
        style=style,
        outcomes=[test.outcome for test in run.tests],
        time=run.time,
        failures=failures(run, results),
        green=last_green,
        differences=green.differences(run, last_green) if last_green else [],
        faults=faults_table.rows(run),
        past=len(past),
        charts=trend.charts(past),
        others=_others(run),
    )


def headline(run: Run) -> tuple[str, str]:
    """The run in one sentence, and the verdict whose colour it has. Faults count whose rows asked for a time."""
    ran = len(run.tests) - run.count(Outcome.SKIPPED)
    bad = [f"{run.count(outcome)} {outcome.value}" for outcome in BAD if run.count(outcome)]
    verdict = verdict_of(test.outcome for test in run.tests).value
    if not ran:
        return f"{verdict.capitalize()}: no test was run.", verdict
    if bad:
        passed = f"{run.count(Outcome.PASSED)} of {ran} tests passed"
        asked = [figures for _, figures in run.figures if figures.fault.asked]
        over = sum(figures.over_budget for figures in asked)
        late = f"; {over} of {len(asked)} faults over budget" if over else ""
        return f"{verdict.capitalize()}: {', '.join([passed, *bad])}{late}.", verdict
    return f"{'The test' if ran == 1 else f'All {ran} tests'} passed.", verdict


def _others(run: Run) -> list[Other]:
    """The tests that did nothing wrong; of a short run, those with faults lie open."""
    others = [(number, test) for number, test in enumerate(run.tests) if test.outcome not in BAD]
    others.sort(key=lambda other: BAD_FIRST.index(other[1].outcome))
    few = len(others) <= FEW
    return [Other(number, test, of_test(number, test), few and bool(test.figures)) for number, test in others]
