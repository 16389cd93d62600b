"""Repeats acceptance suites and says how often they pass, which tests are flaky, and how the times are spread.

    python -m benchmarks.reliability --runs 20

Each run leaves its report in results/reliability/run-NN; all together are in results/reliability.json.
"""

from __future__ import annotations

import json
import math
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import click
from rich import box
from rich.console import Console
from rich.table import Table
from robot.api import ExecutionResult
from robot.errors import DataError  # type: ignore[import-untyped]  # it has no type hints

from benchmarks.lab import say
from benchmarks.machine import describe
from sage_lab import sweep
from SageLibrary.report.budgets import budget_of
from SageLibrary.report.run import FILE as RECORDINGS
from SageLibrary.report.verdict import Outcome, outcome_of

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "results"
SUITES = ("lifecycle", "failure")
RUN_SECONDS = 3600.0
END_SECONDS = 180.0
Z95 = 1.959964
AIM = 0.99


@click.command()
@click.option("--runs", type=click.IntRange(min=1), default=20, show_default=True)
@click.option("--suites", default=",".join(SUITES), show_default=True, help="Names in robot/, with commas.")
@click.option("--output", type=click.Path(path_type=Path), default=RESULTS / "reliability.json")
def main(runs: int, suites: str, output: Path) -> None:
    """Repeat suites, print the pass rate, the flaky tests and the times. Status 1 when a test failed in any run."""
    files = [ROOT / "robot" / f"{name.strip()}.robot" for name in suites.split(",")]
    missing = [file.stem for file in files if not file.exists()]
    if missing:
        there = ", ".join(sorted(file.stem for file in (ROOT / "robot").glob("*.robot") if file.stem != "__init__"))
        raise click.UsageError(f"--suites {','.join(missing)}: there are {there}")
    directory = output.with_suffix("")
    done: list[dict[str, Any]] = []
    for old in directory.glob("run-[0-9]*"):
        shutil.rmtree(old)  # it would be taken for one of these
    for number in range(1, runs + 1):
        done.append(run_once(number, files, directory / f"run-{number:02}"))
        results = {**describe(f"python -m benchmarks.reliability --runs {runs} --suites {suites}"), **assess(done)}
        output.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
        say(f"run {number} of {runs}: {outcomes(done[-1])}")
    print_results(results, Console())
    click.echo(f"results: {output}; each run's own report is below {directory}")
    sys.exit(1 if results["failed"] or results["broken_runs"] else 0)


def run_once(number: int, suites: Sequence[Path], directory: Path) -> dict[str, Any]:
    """Run the suites in a process of their own. Returns what `read_run` does; a run without a result has an error."""
    command = [sys.executable, "-m", "robot", "--outputdir", str(directory), "--console", "none", *map(str, suites)]
    process = subprocess.Popen(command, cwd=ROOT)
    try:
        process.wait(RUN_SECONDS)
    except subprocess.TimeoutExpired:
        return {**read_run(number, directory), "error": f"it was ended after {RUN_SECONDS:g} s"}
    finally:  # also when this command is interrupted: Robot runs its teardowns, and no lab of the run stays
        if process.poll() is None:
            end(process)
            sweep()
    return read_run(number, directory)


def end(process: subprocess.Popen[bytes]) -> None:
    """End a run: politely, then by force."""
    process.terminate()
    try:
        process.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def read_run(number: int, directory: Path) -> dict[str, Any]:
    """A finished run: per full test name its ``outcome``, ``message`` and ``seconds``; its faults; what broke it."""
    run: dict[str, Any] = {"run": number, "tests": {}, "faults": [], "error": ""}
    try:
        result = ExecutionResult(str(directory / "output.xml"))
    except DataError as error:
        return {**run, "error": f"it left no result: {str(error).splitlines()[0]}"}
    for test in result.suite.all_tests:
        run["tests"][test.full_name] = {
            "outcome": outcome_of(test.status, test.message).value,
            "message": test.message,
            "seconds": round(test.elapsed_time.total_seconds(), 3),
        }
    recordings = directory / RECORDINGS
    if recordings.exists():
        recorded = json.loads(recordings.read_text(encoding="utf-8"))["results"]
        run["faults"] = [fault for test in recorded for fault in test["faults"]]
    return run


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
        "repaired": {kind: spread(fault["repaired"] for fault in faults) for kind, faults in kinds.items()},
        "each_run": list(runs),
    }


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


def outcomes(run: dict[str, Any]) -> str:
    """A run in one line: "11 passed, 1 failed", and what broke it."""
    found = [test["outcome"] for test in run["tests"].values()]
    said = [f"{found.count(outcome)} {outcome.value}" for outcome in Outcome if outcome in found]
    return "; ".join([", ".join(said) or "no test", *([run["error"]] if run["error"] else [])])


def print_results(results: dict[str, Any], console: Console) -> None:
    """Print the rate, the flaky and the failed tests, and the tables of times."""
    rate, (low, high) = results["pass_rate"], results["interval"]
    told = "-" if rate is None else f"{rate:.2%}"
    console.print(
        f"pass rate {told} ({results['passed']} of {results['test_runs']} test runs in {results['runs']} runs), "
        f"95 % interval {low:.2%} to {high:.2%}; aim: above {AIM:.0%}; {results['skipped']} skipped",
        markup=False,
    )
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
    _print_table(
        console, "repaired, seconds after the fault hit", results["repaired"], lambda kind: budget_of(kind).repaired
    )


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


if __name__ == "__main__":
    main(prog_name="python -m benchmarks.reliability")
