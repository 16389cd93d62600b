"""How fast a fault should be noticed and repaired by the documents, and whether a time kept its limit."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True)
class Budget:
    """Seconds after injection; None where nothing is promised."""

    noticed: float | None = None
    repaired: float | None = None


PROCESS_DEATH = Budget(noticed=0.2)
RAYLET_DEATH = Budget(noticed=0.2, repaired=30.0)
NO_ANSWER = Budget(noticed=5.0)
NOTHING_PROMISED = Budget()
BUDGETS = {
    "raylet killed": RAYLET_DEATH,
    "raylet terminated": RAYLET_DEATH,
    "raylet crash loop": PROCESS_DEATH,
    "gcs killed": PROCESS_DEATH,
    "dashboard killed": PROCESS_DEATH,
    "raylet stopped": NO_ANSWER,
    "gcs stopped": NO_ANSWER,
    "frozen": NO_ANSWER,
    "power cut": NO_ANSWER,
    "reboot": NO_ANSWER,
    "isolated": NO_ANSWER,
    "one way in": NO_ANSWER,
    "one way out": NO_ANSWER,
    "halves": NO_ANSWER,
    "rejecting": NO_ANSWER,
    "unplugged": NO_ANSWER,
}


class Kept(StrEnum):
    """Whether a time kept its budget."""

    YES = "within"
    NO = "over budget"
    OPEN = "open"  # the recording ended before the budget did
    NO_BUDGET = "no budget"


def budget_of(kind: str) -> Budget:
    """The budget of a kind of fault; nothing is promised for a kind that the table does not know."""
    return BUDGETS.get(kind, NOTHING_PROMISED)


def check(seconds: float | None, budget: float | None, watched: float) -> Kept:
    """Compare a time with its budget. ``seconds`` is None when it never came in the ``watched`` seconds."""
    if budget is None:
        return Kept.NO_BUDGET
    if seconds is None:
        return Kept.NO if watched > budget else Kept.OPEN
    return Kept.YES if seconds <= budget else Kept.NO
