"""Repeated runs for people: tables on the console, and the same as Markdown for a document."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

AIM = 0.99
REPAIR_PER_START = 1.2


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


def budget_of(kind: str) -> Budget:
    """The budget of a kind of fault; nothing is promised for a kind that the table does not know."""
    return BUDGETS.get(kind, NOTHING_PROMISED)


def headline(results: dict[str, Any]) -> str:
    """The pass rate with its interval, in a sentence."""
    rate, (low, high) = results["pass_rate"], results["interval"]
    told = "-" if rate is None else f"{rate:.2%}"
    return (
        f"pass rate {told} ({results['passed']} of {results['test_runs']} test runs in {results['runs']} runs), "
        f"95 % interval {low:.2%} to {high:.2%}; aim: above {AIM:.0%}; {results['skipped']} skipped"
    )


def markdown(results: dict[str, Any]) -> str:
    """What the runs found, as a document's lines: the rate, the tests that failed, and the times per fault."""
    lines = [headline(results), ""]
    lines += [
        f"- {name}: not passed in runs {', '.join(str(test['run']) for test in tests)}"
        for name, tests in results["failed"].items()
    ]
    lines += ["", "| fault | times | noticed | budget | Ray noticed | repaired |", "|---|---|---|---|---|---|"]
    for kind, noticed in sorted(results["noticed"].items()):
        budget = budget_of(kind).noticed
        cells = [
            kind,
            str(noticed["count"] + noticed["missing"]),
            _told(noticed, "no alarm"),
            "none" if budget is None else f"{budget:g}",
            _told(results["ray_noticed"][kind], "never"),
            _told(results["repaired"][kind], "nothing to repair"),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _told(spread: dict[str, Any], nothing: str) -> str:
    if not spread["count"]:
        return nothing
    missing = f", {spread['missing']} without" if spread["missing"] else ""
    return f"{spread['median']:.2f} ({spread['min']:.2f} to {spread['max']:.2f}{missing})"


def print_results(results: dict[str, Any], console: Console) -> None:
    """Print the rate, the flaky and the failed tests, and the tables of times."""
    console.print(headline(results), markup=False)
    for number, error in results["broken_runs"].items():
        console.print(f"run {number} broke: {error}", markup=False)
    for name, tests in results["failed"].items():
        of = results["test_seconds"][name]["count"]
        kind = "flaky" if name in results["flaky"] else "never passed"
        console.print(f"{kind}: {name}: not passed in {len(tests)} of {of} runs", markup=False)
        for test in tests:
            first = (test["message"].strip().splitlines() or ["no message"])[0]
            console.print(f"    run {test['run']}, {test['outcome']}: {first}", markup=False)
    _print_table(console, "test times in seconds", results["test_seconds"], None)
    _print_table(
        console, "noticed, seconds after the fault hit", results["noticed"], lambda kind: budget_of(kind).noticed
    )
    _print_table(console, "Ray itself called it DEAD, seconds after the fault hit", results["ray_noticed"], None)
    _print_table(
        console, "repaired, seconds after the fault hit", results["repaired"], lambda kind: budget_of(kind).repaired
    )
    _print_table(console, "measured besides, seconds", results["measures"], None)
    if results["repair_per_plain_start"]["count"]:
        ratio = {"repair of a dead raylet / plain ray start": results["repair_per_plain_start"]}
        _print_table(console, "ratio", ratio, lambda _: REPAIR_PER_START)


def _print_table(
    console: Console, title: str, rows: dict[str, dict[str, Any]], budget: Callable[[str], float | None] | None
) -> None:
    """One row a name. A budget is kept when the median of all keeps it and none is missing."""
    if not rows:
        return
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    for head in (
        "",
        "count",
        "missing",
        "min",
        "median",
        "p95",
        "max",
        *(("budget", "median kept it") if budget else ()),
    ):
        table.add_column(head)
    for name, row in sorted(rows.items()):
        cells = [str(row["count"]), str(row["missing"])]
        cells += ["-" if row[key] is None else f"{row[key]:.2f}" for key in ("min", "median", "p95", "max")]
        if budget:
            limit = budget(name)
            kept = row["median"] is not None and not row["missing"] and limit is not None and row["median"] <= limit
            cells += ["none", ""] if limit is None else [f"{limit:g}", "yes" if kept else "NO"]
        table.add_row(name, *cells)
    console.print(table)
