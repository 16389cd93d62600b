"""Whether a time kept its limit."""

from __future__ import annotations

from enum import StrEnum


class Kept(StrEnum):
    """Whether a time kept its budget."""

    YES = "within"
    NO = "over budget"
    OPEN = "open"  # the recording ended before the budget did
    NO_BUDGET = "no budget"


def check(seconds: float | None, budget: float | None, watched: float) -> Kept:
    """Compare a time with its budget. ``seconds`` is None when it never came in the ``watched`` seconds."""
    if budget is None:
        return Kept.NO_BUDGET
    if seconds is None:
        return Kept.NO if watched > budget else Kept.OPEN
    return Kept.YES if seconds <= budget else Kept.NO
