"""What repeated runs say together: the pass rate with its interval, the flaky tests, the spread of times."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from statistics import median
from typing import Any

from SageLibrary.recording.verdict import Outcome

Z95 = 1.959964
PLAIN_START = "plain ray start"
RAYLET_DEATHS = ("raylet killed", "raylet terminated")


def assess(runs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """All runs together: the rate with its interval, the flaky tests, and the spread of times (seconds)."""
    by_name: dict[str, list[dict[str, Any]]] = {}
    skipped = 0
    for run in runs:
        for name, test in run["tests"].items():
            if test["outcome"] == Outcome.SKIPPED:
                skipped += 1
            else:
                by_name.setdefault(name, []).append({"run": run["run"], **test})
    ran = [test for tests in by_name.values() for test in tests]
    passed = sum(map(is_pass, ran))
    kinds: dict[str, list[dict[str, Any]]] = {}
    for fault in (fault for run in runs for fault in run["faults"] if fault["took_effect"]):
        kinds.setdefault(fault["kind"], []).append(fault)
    return {
        "runs": len(runs),
        "broken_runs": {str(run["run"]): run["error"] for run in runs if run["error"]},
        "test_runs": len(ran),
        "passed": passed,
        "skipped": skipped,
        "pass_rate": passed / len(ran) if ran else None,
        "interval": wilson(passed, len(ran)),
        "flaky": [name for name, tests in by_name.items() if 0 < sum(map(is_pass, tests)) < len(tests)],
        "failed": {
            name: [test for test in tests if not is_pass(test)]
            for name, tests in by_name.items()
            if not all(map(is_pass, tests))
        },
        "test_seconds": {name: spread(test["seconds"] for test in tests) for name, tests in by_name.items()},
        "noticed": {kind: spread(fault["noticed"] for fault in faults) for kind, faults in kinds.items()},
        "ray_noticed": {kind: spread(fault["ray_noticed"] for fault in faults) for kind, faults in kinds.items()},
        "repaired": {kind: spread(fault["repaired"] for fault in faults) for kind, faults in kinds.items()},
        "measures": {
            name: spread(value for run in runs for value in run["measures"].get(name, []))
            for name in dict.fromkeys(name for run in runs for name in run["measures"])
        },
        "repair_per_plain_start": repair_ratios(runs),
        "each_run": list(runs),
    }


def repair_ratios(runs: Iterable[dict[str, Any]]) -> dict[str, float | int | None]:
    """How long the repair of one dead raylet takes after it was noticed, as multiples of a plain start in that run."""
    found: list[float | None] = []
    for run in runs:
        plain = run["measures"].get(PLAIN_START)
        for fault in run["faults"]:
            if not plain or fault["kind"] not in RAYLET_DEATHS or len(fault["targets"]) > 1:
                continue
            known = fault["repaired"] is not None and fault["noticed"] is not None
            found.append((fault["repaired"] - fault["noticed"]) / median(plain) if known else None)
    return spread(None if ratio is None else round(ratio, 3) for ratio in found)


def is_pass(test: dict[str, Any]) -> bool:
    """Whether a test passed."""
    return bool(test["outcome"] == Outcome.PASSED)


def wilson(passed: int, ran: int) -> tuple[float, float]:
    """The 95 % interval of a rate, by Wilson's score; from 0 to 1 when nothing was run."""
    if not ran:
        return 0.0, 1.0
    rate, square = passed / ran, Z95**2
    middle = rate + square / (2 * ran)
    half = Z95 * math.sqrt(rate * (1 - rate) / ran + square / (4 * ran**2))
    whole = 1 + square / ran
    return max(0.0, (middle - half) / whole), min(1.0, (middle + half) / whole)


def spread(values: Iterable[float | None]) -> dict[str, float | int | None]:
    """How many values there are, how many are missing, and min, median, p95 (nearest rank) and max of the rest."""
    every = list(values)
    known = sorted(value for value in every if value is not None)
    counts: dict[str, float | int | None] = {"count": len(known), "missing": len(every) - len(known)}
    if not known:
        return {**counts, "min": None, "median": None, "p95": None, "max": None}
    p95 = known[math.ceil(0.95 * len(known)) - 1]
    return {**counts, "min": known[0], "median": round(median(known), 3), "p95": p95, "max": known[-1]}
