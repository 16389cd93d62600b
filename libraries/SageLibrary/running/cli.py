"""`sage-test`: run suites with progress and reruns, say what a run would do, and what a finished one means."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
from robot.errors import DataError  # type: ignore[import-untyped]  # it has no type hints

from SageLibrary.report.__main__ import main as verdict
from SageLibrary.running.attempts import OUTPUT, WRONG_USAGE, run_attempts
from SageLibrary.running.durations import clock, earlier_durations
from SageLibrary.running.plan import PlannedTest, plan

PROGRESS = "SageLibrary.running.progress.Progress"
Command = Callable[..., Any]


def _selection(command: Command) -> Command:
    """The options that choose tests: robot's own."""
    for option in (
        click.option("--include", "-i", multiple=True, metavar="TAG", help="Only tests with this tag."),
        click.option("--exclude", "-e", multiple=True, metavar="TAG", help="No tests with this tag."),
        click.option("--test", "-t", "tests", multiple=True, metavar="NAME", help="Only tests of this name."),
        click.argument("suites", nargs=-1, required=True, type=click.Path(exists=True)),
    ):
        command = option(command)
    return command


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
def main() -> None:
    """Run suites, plan a run, judge a finished one. `robot` itself does as well, without these comforts."""


@main.command("run")
@_selection
@click.option("--outputdir", "-d", type=click.Path(path_type=Path), default=Path("results"), show_default=True)
@click.option(
    "--rerun", type=click.IntRange(min=0), default=0, show_default=True, help="Run failed tests so often more."
)
@click.option("--variable", "-v", "variables", multiple=True, metavar="NAME:VALUE", help="Set a variable.")
@click.pass_context
def run_command(
    context: click.Context,
    suites: tuple[str, ...],
    include: tuple[str, ...],
    exclude: tuple[str, ...],
    tests: tuple[str, ...],
    outputdir: Path,
    rerun: int,
    variables: tuple[str, ...],
) -> None:
    """Run suites with a line per test, and end with the verdict as text and exit status.

    With --rerun, tests that failed are run again; each attempt keeps its files in attempt-N, and a test that
    passed late is called flaky.
    """
    options = ["--console", PROGRESS]
    for option, values in {"include": include, "exclude": exclude, "test": tests, "variable": variables}.items():
        options += [word for value in values for word in (f"--{option}", value)]
    (outputdir / OUTPUT).unlink(missing_ok=True)  # an old one must not be taken for this run's
    status = run_attempts(outputdir, options, suites, rerun)
    if status == WRONG_USAGE:
        sys.exit(2)
    click.echo(f"\nreport: {outputdir / 'report.html'}")
    context.invoke(verdict, output=outputdir / OUTPUT)


@main.command("plan")
@_selection
@click.option("--results", type=click.Path(path_type=Path), default=Path("results"), help="Where earlier runs lie.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def plan_command(
    suites: tuple[str, ...],
    include: tuple[str, ...],
    exclude: tuple[str, ...],
    tests: tuple[str, ...],
    results: Path,
    as_json: bool,
) -> None:
    """Print the tests, the nodes and faults they name, and the expected minutes. Touches no machine."""
    try:
        planned = plan(suites, earlier_durations(results), include=include, exclude=exclude, tests=tests)
    except DataError as error:
        raise click.UsageError(str(error)) from error
    if as_json:
        click.echo(json.dumps([asdict(test) for test in planned], indent=1))
    else:
        _print_plan(planned)


main.add_command(verdict, "verdict")


def _print_plan(planned: list[PlannedTest]) -> None:
    suite = ""
    for test in planned:
        if test.suite != suite:
            suite = test.suite
            click.echo(f"\n{suite}")
        click.echo(f"  {'?' if test.seconds is None else clock(test.seconds):>6}  {test.name}")
        for what, words in (("nodes", test.nodes), ("faults", test.faults)):
            if words:
                click.echo(f"          {what}: {', '.join(words)}")
    known = [test.seconds for test in planned if test.seconds is not None]
    unknown = len(planned) - len(known)
    more = f", and {unknown} that never ran here" if unknown else ""
    click.echo(f"\n{len(planned)} tests; {clock(sum(known))} minutes in earlier runs{more}")


if __name__ == "__main__":
    main(prog_name="sage-test")
