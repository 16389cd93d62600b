"""The figures of a fault in words, the same beside a timeline and in the page's table."""

from __future__ import annotations

from datetime import datetime

from SageLibrary.recording.budgets import Kept
from SageLibrary.recording.figures import RUNNING, Figures, Times
from SageLibrary.recording.recording import NOBODY


def seconds(value: float | None) -> str:
    """A time for people: "0.05 s", "12.3 s"; a dash for none."""
    if value is None:
        return "\N{EN DASH}"
    return f"{value:.2f} s" if value < 10 else f"{value:.1f} s"  # noqa: PLR2004


def plain(state: str) -> str:
    """A state in words: "cut off"."""
    return state.replace("_", " ")


def moment(said: str) -> str:
    """A moment in ISO 8601 for people: "2026-01-31 09:05 UTC"; what is none, as it is."""
    try:
        return f"{datetime.fromisoformat(said):%Y-%m-%d %H:%M %Z}".strip()
    except ValueError:
        return said


def noticed(figures: Figures) -> str:
    """When it was noticed, or why there is no such time."""
    if figures.noticed is None:
        reasons = dict.fromkeys(_unnoticed(figures, times) for times in figures.nodes.values())
        said = "; ".join(reasons) or "no target"
    else:
        said = seconds(figures.noticed)
    return said + _over(figures.noticed_kept)


def repaired(figures: Figures) -> str:
    """When the last target was well again, or what came instead."""
    over = _over(figures.repaired_kept)
    if figures.repaired is not None:
        return seconds(figures.repaired) + over
    if figures.quarantined is not None:
        return f"given up after {seconds(figures.quarantined)}" + over
    if figures.noticed is None:
        return seconds(None) + over
    return f"not in {seconds(figures.watched)}" + over


def beside(figures: Figures, node: str) -> str:
    """One node's three times, for the line beside its lane."""
    times = figures.nodes[node]
    if times.noticed is None:
        return _unnoticed(figures, times)
    text = f"noticed {seconds(times.noticed)}, decided {seconds(times.decided)}, "
    if times.repaired is None and times.quarantined is not None:
        return text + f"given up {seconds(times.quarantined)}"
    return text + f"repaired {seconds(times.repaired)}"


def verdict(figures: Figures) -> tuple[str, bool]:
    """Whether the row got what it asked for, in words and as a truth; no words where no row asked for a time."""
    if figures.over_budget:
        return "over budget", False
    if figures.row_failed:
        return "failed", False
    return ("in time" if figures.fault.asked else ""), True


def _unnoticed(figures: Figures, times: Times) -> str:
    if figures.fault.ineffective:
        return "did not take effect"
    if times.before == NOBODY:
        return "no supervisor ran"
    if times.before != RUNNING:
        return f"was {times.before} already"
    if figures.noticed_limit is None:
        return f"no alarm in {seconds(figures.watched)}"
    return f"not noticed in {seconds(figures.watched)}"


def _over(kept: Kept) -> str:
    return ", over budget" if kept is Kept.NO else ""
