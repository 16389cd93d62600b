"""The page of a run: one HTML file that needs nothing else, for people who decide whether a cluster is good."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Any

from SageLibrary.report import failures, green, trend, wording
from SageLibrary.report.budgets import Kept, budget_of
from SageLibrary.report.figures import Figures
from SageLibrary.report.lanes import draw
from SageLibrary.report.run import RecordedTest, Run
from SageLibrary.report.style import STYLE
from SageLibrary.report.verdict import MEANING, Outcome

FILE = "reliability.html"
BAD_FIRST = (Outcome.FAILED, Outcome.INFRA, Outcome.INCONCLUSIVE, Outcome.PASSED, Outcome.SKIPPED)
CLASSES = {Kept.YES: "good", Kept.NO: "bad", Kept.OPEN: "", Kept.NO_BUDGET: ""}


def page(run: Run, past: list[dict[str, Any]], results: Path, last_green: green.Green | None = None) -> str:
    """The whole page. ``past`` are the runs of the history, this one last; ``results`` is where the page will lie."""
    title = f"Reliability: {run.suite}"
    parts = [
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"/>',
        '<meta name="viewport" content="width=device-width"/>',
        f"<title>{escape(title)}</title><style>{STYLE}</style></head><body><main>",
        f'<h1>{escape(title)}</h1><p class="quiet">Run of {escape(run.time)}</p>',
        _summary(run),
        failures.section(run, results),
        green.section(run, last_green),
        _faults(run),
        _trend(past),
        _timelines(run),
        "</main></body></html>\n",
    ]
    return "\n".join(parts)


def headline(run: Run) -> tuple[str, bool]:
    """The run in one sentence, and whether all is well."""
    ran = len(run.tests) - run.count(Outcome.SKIPPED)
    over = sum(1 for _, figures in run.figures if Kept.NO in {figures.noticed_kept, figures.repaired_kept})
    late = f"; {over} of {len(run.figures)} faults over budget" if over else ""
    bad = [f"{run.count(o)} {o.value}" for o in BAD_FIRST[:3] if run.count(o)]
    if not ran:
        return "No test was run.", False
    if bad:
        return f"{run.count(Outcome.PASSED)} of {ran} tests passed, {', '.join(bad)}{late}.", False
    told = "The test" if ran == 1 else f"All {ran} tests"
    return f"{told} passed{late}.", not over


def _summary(run: Run) -> str:
    sentence, well = headline(run)
    rows = "".join(
        f'<tr><td class="number">{run.count(outcome)}</td><td><b class="{outcome.value}">{outcome.value}</b></td>'
        f"<td>{escape(MEANING[outcome])}</td></tr>"
        for outcome in (Outcome.PASSED, *BAD_FIRST[:3], Outcome.SKIPPED)
    )
    return (
        f'<p class="headline {"good" if well else "bad"}">{escape(sentence)}</p>'
        f'<table class="counts"><tbody>{rows}</tbody></table>'
    )


def _faults(run: Run) -> str:
    if not run.figures:
        return "<h2>Faults</h2><p>No fault was injected in this run.</p>"
    heads = (
        "fault",
        "on",
        "noticed",
        "budget",
        "Ray noticed",
        "repair decided",
        "repaired",
        "budget",
        "verdict",
        "test",
    )
    rows = "".join(_fault_row(run, test, figures) for test, figures in run.figures)
    return (
        '<h2>How fast faults were noticed and repaired</h2><p class="quiet">'
        "Times are counted from when the fault hit the node; repaired means that the last target was well again. "
        "Ray noticed: when Ray itself called the first target DEAD; a dash where it did not in this run.</p>"
        f'<div class="wide"><table><thead><tr>{"".join(f"<th>{head}</th>" for head in heads)}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )


def _fault_row(run: Run, test: RecordedTest, figures: Figures) -> str:
    budget = budget_of(figures.fault.kind)
    verdict, kept = wording.verdict(figures)
    style = "" if not verdict else "good strong" if kept else "bad strong"
    if figures.fault.ineffective:
        verdict, style = "inconclusive", "inconclusive strong"
    repaired = wording.seconds(None) if figures.fault.ineffective else wording.repaired(figures)
    cells = (
        ("", escape(figures.fault.kind)),
        ("", escape(", ".join(figures.fault.targets))),
        (CLASSES[figures.noticed_kept], escape(wording.noticed(figures))),
        ("quiet", _budget(budget.noticed)),
        ("quiet", wording.seconds(figures.ray_noticed)),
        ("", wording.seconds(figures.decided)),
        (CLASSES[figures.repaired_kept], escape(repaired)),
        ("quiet", _budget(budget.repaired)),
        (style, escape(verdict or "no budget")),
        ("", f'<a href="#test-{run.tests.index(test)}">{escape(test.name)}</a>'),
    )
    return "<tr>" + "".join(f'<td class="{name}">{text}</td>' for name, text in cells) + "</tr>"


def _budget(value: float | None) -> str:
    return "none" if value is None else f"{value:g} s"


def _trend(past: list[dict[str, Any]]) -> str:
    pictures = trend.charts(past)
    if not pictures:
        return "<h2>Trend</h2><p>There is no earlier run of these suites to compare with.</p>"
    figures = "".join(f"<figure><figcaption>{escape(title)}</figcaption>{svg}</figure>" for title, svg in pictures)
    return (
        f'<h2>Trend</h2><p class="quiet">The last {len(past)} runs of these suites, this one on the right.</p>'
        f'<div class="charts">{figures}</div>'
    )


def _timelines(run: Run) -> str:
    """All tests; those that did not pass, and those with faults, lie open."""
    parts = ["<h2>What happened in each test</h2>"]
    for outcome in BAD_FIRST:
        for number, test in enumerate(run.tests):
            if test.outcome is outcome:
                parts.append(_timeline(number, test))
    return "".join(parts)


def _timeline(number: int, test: RecordedTest) -> str:
    recording = test.recording
    picture = draw(recording, f"States of the nodes in {test.name}", f"test-{number}")
    is_open = ' open="open"' if test.figures or test.outcome not in {Outcome.PASSED, Outcome.SKIPPED} else ""
    message = f'<pre class="message">{escape(test.message)}</pre>' if test.message else ""
    torn = recording.unreadable
    warning = f'<p class="bad">{torn} lines of the event files could not be read.</p>' if torn else ""
    return (
        f'<details id="test-{number}"{is_open}><summary><b class="{test.outcome.value}">{test.outcome.value}</b> '
        f'{escape(test.name)} <span class="quiet">{escape(test.suite)}, {test.seconds:.1f} s</span></summary>'
        f'{message}{warning}<div class="wide">{picture or "<p>No node was seen in this test.</p>"}</div></details>'
    )
