"""Repeats acceptance suites and says how often they pass, which tests are flaky, and how the times are spread.

    python -m benchmarks.reliability --runs 20

Each run leaves its report in results/reliability/run-NN; all together are in results/reliability.json and, for a
document, in results/reliability.md.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from robot.api import ExecutionResult
from robot.errors import DataError  # type: ignore[import-untyped]  # it has no type hints

from benchmarks.lab import say
from benchmarks.machine import describe
from benchmarks.reliability_figures import assess
from benchmarks.reliability_tables import markdown, print_results
from sage_lab import sweep
from SageLibrary.recording.run import FILE as RECORDINGS
from SageLibrary.recording.verdict import Outcome, outcome_of

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "results"
SUITES = ("lifecycle", "failure")
SLOW = "slow"
RUN_SECONDS = 3600.0
END_SECONDS = 180.0


@click.command()
@click.option("--runs", type=click.IntRange(min=1), default=20, show_default=True)
@click.option("--suites", default=",".join(SUITES), show_default=True, help="Names in robot/, with commas.")
@click.option("--include", default="", help="Only tests with this tag.")
@click.option("--exclude", default=SLOW, show_default=True, help="Not the tests with this tag.")
@click.option("--output", type=click.Path(path_type=Path), default=RESULTS / "reliability.json")
def main(runs: int, suites: str, include: str, exclude: str, output: Path) -> None:
    """Repeat suites, print the pass rate, the flaky tests and the times. Status 1 when a test failed in any run."""
    files = [ROOT / "robot" / f"{name.strip()}.robot" for name in suites.split(",")]
    missing = [file.stem for file in files if not file.exists()]
    if missing:
        there = ", ".join(sorted(file.stem for file in (ROOT / "robot").glob("*.robot") if file.stem != "__init__"))
        raise click.UsageError(f"--suites {','.join(missing)}: there are {there}")
    directory = output.with_suffix("")
    chosen = [*(["--include", include] if include else []), *(["--exclude", exclude] if exclude else [])]
    done: list[dict[str, Any]] = []
    for old in directory.glob("run-[0-9]*"):
        shutil.rmtree(old)  # it would be taken for one of these
    for number in range(1, runs + 1):
        done.append(run_once(number, [*chosen, *map(str, files)], directory / f"run-{number:02}"))
        results = {**describe(f"python -m benchmarks.reliability --runs {runs} --suites {suites}"), **assess(done)}
        output.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
        say(f"run {number} of {runs}: {outcomes(done[-1])}")
    print_results(results, Console())
    output.with_suffix(".md").write_text(markdown(results), encoding="utf-8")
    click.echo(f"results: {output}; each run's own report is below {directory}")
    sys.exit(1 if results["failed"] or results["broken_runs"] or not results["test_runs"] else 0)


def run_once(number: int, arguments: Sequence[str], directory: Path) -> dict[str, Any]:
    """Run suites in a process of their own. Returns what `read_run` does; a run without a result has an error."""
    command = [sys.executable, "-m", "robot", "--outputdir", str(directory), "--console", "none", *arguments]
    # In a session of its own Ctrl-C reaches it once, by `end`; at a second one Robot would leave its teardowns out.
    process = subprocess.Popen(command, cwd=ROOT, start_new_session=True)
    error = ""
    try:
        process.wait(RUN_SECONDS)
    except subprocess.TimeoutExpired:
        error = f"it was ended after {RUN_SECONDS:g} s"
    finally:  # also when this command is interrupted: Robot runs its teardowns, and no lab of the run stays
        if process.poll() is None:
            end(process)
            sweep()
    run = read_run(number, directory)
    return {**run, "error": error or run["error"]}


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
    run: dict[str, Any] = {"run": number, "tests": {}, "faults": [], "measures": {}, "error": ""}
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
        content = json.loads(recordings.read_text(encoding="utf-8"))
        run["faults"] = [fault for test in content["results"] for fault in test["faults"]]
        run["measures"] = content["measures"]
    return run


def outcomes(run: dict[str, Any]) -> str:
    """A run in one line: "11 passed, 1 failed", and what broke it."""
    found = [test["outcome"] for test in run["tests"].values()]
    said = [f"{found.count(outcome)} {outcome.value}" for outcome in Outcome if outcome in found]
    return "; ".join([", ".join(said) or "no test", *([run["error"]] if run["error"] else [])])


if __name__ == "__main__":
    main(prog_name="python -m benchmarks.reliability")
