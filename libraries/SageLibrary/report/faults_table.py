"""The table of a run's faults: how fast each was noticed and repaired, against its budget."""

from __future__ import annotations

from html import escape

from SageLibrary.recording.budgets import Kept, budget_of
from SageLibrary.recording.figures import Figures
from SageLibrary.recording.run import RecordedTest, Run
from SageLibrary.report import wording

HEADS = (
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
CLASSES = {Kept.YES: "passed", Kept.NO: "failed", Kept.OPEN: "", Kept.NO_BUDGET: ""}


def section(run: Run) -> str:
    """The part of the page."""
    if not run.figures:
        return "<h2>Faults</h2><p>No fault was injected in this run.</p>"
    rows = "".join(_row(run, test, figures) for test, figures in run.figures)
    heads = "".join(f'<th scope="col">{head}</th>' for head in HEADS)
    return (
        '<h2>How fast faults were noticed and repaired</h2><p class="quiet">'
        "Times are counted from when the fault hit the node; repaired means that the last target was well again. "
        "Ray noticed: when Ray itself called the first target DEAD; a dash where it did not in this run.</p>"
        f'<div class="wide" tabindex="0" role="region" aria-label="Faults"><table><thead><tr>{heads}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )


def _row(run: Run, test: RecordedTest, figures: Figures) -> str:
    budget = budget_of(figures.fault.kind)
    verdict, kept = wording.verdict(figures)
    style = "" if not verdict else "passed strong" if kept else "failed strong"
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
