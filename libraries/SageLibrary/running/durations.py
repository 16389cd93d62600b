"""How long tests take: what earlier runs recorded, and where there is nothing, what their tags promise."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from SageLibrary.recording.run import FILE
from SageLibrary.recording.verdict import Outcome

BY_TAG = {"quick": 5.0, "slow": 600.0}
USUAL = 40.0
Durations = dict[tuple[str, str], float]
"""Seconds by the last part of the suite's name, and the test's name."""


@dataclass(frozen=True)
class Expected:
    """Seconds, and whether an earlier run took so long (else it is what the tags promise)."""

    seconds: float
    known: bool


def recordings(directory: Path) -> list[Path]:
    """The recordings that earlier runs left in a directory, below it, and in those beside it."""
    return [*directory.rglob(FILE), *directory.resolve().parent.glob(f"*/{FILE}")]


def earlier_durations(files: Iterable[Path]) -> Durations:
    """What the newest run of each test took, rather of one that passed. Broken recordings are passed over."""
    passed: Durations = {}
    ended: Durations = {}
    for path in sorted(set(files), key=lambda path: path.stat().st_mtime):
        try:
            for test in json.loads(path.read_text(encoding="utf-8"))["results"]:
                taken = passed if test["outcome"] == Outcome.PASSED.value else ended
                taken[test["suite"].rpartition(".")[2], test["name"]] = float(test["seconds"])
        except (ValueError, KeyError, TypeError, AttributeError):
            continue
    return ended | passed


def expected(durations: Durations, suite: str, test: str, tags: Collection[str]) -> Expected:
    """What a test takes, by the full name of its suite."""
    seconds = durations.get((suite.rpartition(".")[2], test))
    if seconds is not None:
        return Expected(seconds, known=True)
    return Expected(next((BY_TAG[tag] for tag in BY_TAG if tag in tags), USUAL), known=False)


def clock(seconds: float) -> str:
    """Minutes and seconds as people read them: 3:07."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
