"""What every page about a run has: its head, the verdict on top, and the words for it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from SageLibrary.recording.verdict import GRAVEST_FIRST, MEANING, Outcome
from SageLibrary.report.style import STYLE

BAD_FIRST = (*GRAVEST_FIRST, Outcome.SKIPPED)


def page(title: str, verdict: Outcome, below: str, parts: Iterable[str]) -> str:
    """A whole page. ``title`` is text, ``below`` is what stands under it, as HTML, like the ``parts``."""
    return "\n".join(
        [
            '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(verdict.value)}: {escape(title)}</title><style>{STYLE}</style></head><body>",
            f'<header><h1>{escape(title)}</h1><p class="quiet">{below}</p></header><main>',
            *(part for part in parts if part),
            "</main></body></html>\n",
        ]
    )


def verdict(sentence: str, style: str, outcomes: Sequence[Outcome]) -> str:
    """The sentence, large, and how many tests ended in which way, with what that means."""
    rows = "".join(
        f'<tr><td class="number">{outcomes.count(outcome)}</td><td>{word(outcome)}</td>'
        f"<td>{escape(MEANING[outcome])}</td></tr>"
        for outcome in BAD_FIRST
        if outcome in outcomes
    )
    table = f'<table class="counts"><tbody>{rows}</tbody></table>' if rows else ""
    return f'<p class="headline {style}">{escape(sentence)}</p>{table}'


def word(outcome: Outcome) -> str:
    """The outcome in its colour."""
    return f'<b class="{outcome.value}">{outcome.value}</b>'
