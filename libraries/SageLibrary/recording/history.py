"""The history of runs: a JSON line each, only ever added to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

MOST_RUNS = 100
KEYS = {"time", "suite", "tests", "passed", "skipped"}


def append(path: Path, summary: dict[str, Any]) -> None:
    """Add one run. Written at once, so that runs side by side do not mix their lines."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        # A writer that was killed may have left half a line; this run gets a line of its own.
        whole = not file.tell() or path.read_bytes().endswith(b"\n")
        file.write((b"" if whole else b"\n") + json.dumps(summary).encode() + b"\n")


def past_runs(path: Path, suite: str) -> list[dict[str, Any]]:
    """The newest runs of the same suite, oldest first, at most 100; lines that are no run are passed over."""
    if not path.exists():
        return []
    runs = []
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            run = json.loads(line)
        except ValueError:
            continue
        if isinstance(run, dict) and run.keys() >= KEYS and run["suite"] == suite:
            runs.append(run)
    return runs[-MOST_RUNS:]


def pass_rate(run: dict[str, Any]) -> float | None:
    """The share of passed tests in percent of those that were run; None when all were skipped."""
    ran = run["tests"] - run["skipped"]
    return 100.0 * run["passed"] / ran if ran else None
