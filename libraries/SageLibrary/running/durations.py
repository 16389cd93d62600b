"""How long tests took in earlier runs, from the recordings that these left in the results."""

from __future__ import annotations

import json
from pathlib import Path

from SageLibrary.report.run import FILE

Durations = dict[tuple[str, str], float]
"""Seconds by the last part of the suite's name, and the test's name."""


def earlier_durations(results: Path) -> Durations:
    """What the newest run of each test took; nothing for a test that never ran. Broken recordings are passed over."""
    found: Durations = {}
    for path in sorted(results.rglob(FILE), key=lambda path: path.stat().st_mtime):
        try:
            tests = json.loads(path.read_text(encoding="utf-8"))["results"]
            found |= {(test["suite"].rpartition(".")[2], test["name"]): float(test["seconds"]) for test in tests}
        except (ValueError, KeyError, TypeError, AttributeError):
            continue
    return found


def expected(durations: Durations, suite: str, test: str) -> float | None:
    """Seconds that a test took last, by the full name of its suite; None when it never ran."""
    return durations.get((suite.rpartition(".")[2], test))


def clock(seconds: float) -> str:
    """Minutes and seconds as people read them: 3:07."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
