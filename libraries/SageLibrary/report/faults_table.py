"""The table of a run's faults: how fast each was noticed and repaired, against what its row asked."""

from __future__ import annotations

from dataclasses import dataclass

from SageLibrary.recording.budgets import Kept
from SageLibrary.recording.figures import Figures
from SageLibrary.recording.run import RecordedTest, Run
from SageLibrary.report import wording

STYLES = {Kept.YES: "passed", Kept.NO: "failed", Kept.OPEN: "", Kept.NO_BUDGET: ""}


@dataclass(frozen=True)
class Row:
    """One fault with its test, which is this one of the run; each pair is what is said and its style."""

    number: int
    test: RecordedTest
    figures: Figures
    noticed: tuple[str, str]
    repaired: tuple[str, str]
    verdict: tuple[str, str]


def rows(run: Run) -> list[Row]:
    """A row a fault, in the order of the run."""
    return [_row(run, test, figures) for test, figures in run.figures]


def _row(run: Run, test: RecordedTest, figures: Figures) -> Row:
    verdict, kept = wording.verdict(figures)
    style = "" if not verdict else "passed strong" if kept else "failed strong"
    if figures.fault.ineffective:
        verdict, style = "inconclusive", "inconclusive strong"
    repaired = wording.seconds(None) if figures.fault.ineffective else wording.repaired(figures)
    return Row(
        run.tests.index(test),
        test,
        figures,
        (wording.noticed(figures), STYLES[figures.noticed_kept]),
        (repaired, STYLES[figures.repaired_kept]),
        (verdict or "no budget", style),
    )
