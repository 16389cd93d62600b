"""`python -m SageLibrary.report output.xml`: the verdict of a finished run, in a line and as the exit status."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

import click
from robot.api import ExecutionResult
from robot.errors import DataError  # type: ignore[import-untyped]  # it has no type hints

from SageLibrary.report.verdict import MEANING, STATUS, Outcome, outcome_of, verdict_of


@click.command()
@click.argument("output", type=click.Path(path_type=Path, exists=True, dir_okay=False))
def main(output: Path) -> None:
    """Say how the run that left this output.xml ended.

    Exit status: 0 passed, 1 failed, 2 wrong usage, 3 infra (the lab broke), 4 inconclusive (a fault did not take
    effect, or no test was run).
    """
    try:
        tests = list(ExecutionResult(str(output)).suite.all_tests)
    except DataError as error:
        raise click.UsageError(f"{output} is no result of a run: {str(error).splitlines()[0]}") from error
    outcomes = [outcome_of(test.status, test.message) for test in tests]
    counts = Counter(outcomes)
    said = ", ".join(f"{counts[outcome]} {outcome.value}" for outcome in Outcome if counts[outcome])
    verdict = verdict_of(outcomes)
    meaning = MEANING[verdict] if said else "no test was run"
    click.echo(f"verdict: {verdict.value.upper()}: {meaning} ({said or 'no tests'})")
    for test, outcome in zip(tests, outcomes, strict=True):
        if outcome not in {Outcome.PASSED, Outcome.SKIPPED}:
            first = (test.message.strip().splitlines() or ["no message"])[0]
            click.echo(f"  {outcome.value}: {test.full_name}: {first}")
    sys.exit(STATUS[verdict])


if __name__ == "__main__":
    main(prog_name="python -m SageLibrary.report")
