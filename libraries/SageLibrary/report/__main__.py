"""`python -m SageLibrary.report output.xml`: the verdict of a finished run, in a line and as the exit status."""

from __future__ import annotations

import sys
from pathlib import Path

import click
from robot.api import ExecutionResult
from robot.errors import DataError  # type: ignore[import-untyped]  # it has no type hints

from SageLibrary.recording.verdict import BAD, MEANING, STATUS, verdict_of
from SageLibrary.report.summary import EndedTest, as_json, as_markdown, counted


@click.command()
@click.argument("output", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--markdown", type=click.Path(path_type=Path), help="Write a summary for a job page there.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write the summary for programs there.")
def main(output: Path, markdown: Path | None, json_file: Path | None) -> None:
    """Say how the run that left this output.xml ended.

    Exit status: 0 passed, 1 failed, 2 wrong usage, 3 infra (the lab broke), 4 inconclusive (a fault did not take
    effect, or no test was run), 5 flaky (all passed, some only when they were run again).
    """
    try:
        result = ExecutionResult(str(output))
    except DataError as error:
        raise click.UsageError(f"{output} is no result of a run: {str(error).splitlines()[0]}") from error
    tests = [EndedTest.of(test) for test in result.suite.all_tests]
    verdict = verdict_of(test.outcome for test in tests)
    meaning = MEANING[verdict] if tests else "no test was run"
    click.echo(f"verdict: {verdict.value.upper()}: {meaning} ({counted(tests)})")
    for test in tests:
        if test.outcome in BAD:
            click.echo(f"  {test.outcome.value}: {test.name}: {test.reason}")
        elif test.flaky:
            click.echo(f"  flaky: {test.name}: {test.reason if test.message else 'it passed at a later attempt'}")
    if markdown:
        markdown.write_text(as_markdown(tests, result.suite.name), encoding="utf-8")
    if json_file:
        json_file.write_text(as_json(tests), encoding="utf-8")
    sys.exit(STATUS[verdict])


if __name__ == "__main__":
    main(prog_name="python -m SageLibrary.report")
