"""`sage-test`: run suites with progress and reruns, say what a run would do, and what a finished one means."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from robot.errors import DataError  # type: ignore[import-untyped]  # it has no type hints

from SageLibrary.report.__main__ import main as verdict
from SageLibrary.report.page import FILE as PAGE
from SageLibrary.running.attempts import OUTPUT, REPORT, in_place_of_earlier, run_failed_again, suites_of
from SageLibrary.running.durations import Durations, earlier_durations, recordings
from SageLibrary.running.parallel import run_parallel
from SageLibrary.running.plan import PlannedTest, plan
from SageLibrary.running.plan_table import as_json, as_text
from SageLibrary.running.robot_process import WRONG_USAGE, run_robot

CONSOLE = ("--console", "SageLibrary.running.progress.Progress")
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


_variables = click.option("--variable", "-v", "variables", multiple=True, metavar="NAME:VALUE", help="Set a variable.")


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
def main() -> None:
    """Check, run and plan suites, rerun what failed, judge a finished run. Plain `robot` runs suites as well."""


@main.command("run")
@_selection
@click.option("--outputdir", "-d", type=click.Path(path_type=Path), default=Path("results"), show_default=True)
@click.option(
    *("--rerun", "rerun"),
    type=click.IntRange(min=0),
    default=0,
    envvar="RERUN",
    show_default=True,
    show_envvar=True,
    help="Run tests that failed up to so many times more.",
)
@click.option(
    *("--processes", "processes"),
    type=click.IntRange(min=1),
    default=1,
    envvar="PROCESSES",
    show_default=True,
    show_envvar=True,
    help="Run so many suites at once, each on a lab of its own.",
)
@click.option("--exitonfailure", "-X", is_flag=True, help="Stop at the first test that fails.")
@_variables
@click.pass_context
def run_command(
    context: click.Context,
    suites: tuple[str, ...],
    include: tuple[str, ...],
    exclude: tuple[str, ...],
    tests: tuple[str, ...],
    variables: tuple[str, ...],
    outputdir: Path,
    rerun: int,
    processes: int,
    exitonfailure: bool,
) -> None:
    """Run suites with a line per test, and end with the verdict as text and exit status.

    The statuses are those of `sage-test verdict`. A test that failed and passed when it was run again is flaky, which
    is a verdict of its own; the files of each attempt are kept in attempt-1, attempt-2 and so on.

    KEEP_LAB=1 in the environment keeps the lab, KEEP_LAB=on-fail keeps it when a test failed. Any other option of
    robot may stand in ROBOT_OPTIONS.

    \b
    Examples:
      sage-test run robot/lifecycle.robot
      sage-test run --exclude slow --rerun 1 robot/failure.robot robot/recovery.robot
      KEEP_LAB=on-fail sage-test run -X --test "Dashboard Answers" robot/lifecycle.robot
    """
    selection = {"include": include, "exclude": exclude, "test": tests}
    options = [*CONSOLE, *(["--exitonfailure"] if exitonfailure else []), *_words({"variable": variables})]
    if processes > 1 and importlib.util.find_spec("pabot") is None:
        raise click.UsageError("--processes needs pabot; install it with 'provision/controller/install.sh dev'")
    with in_place_of_earlier(outputdir) as put_back:
        if processes > 1:
            status = run_parallel(outputdir, [*options, *_words(selection)], suites, processes)
        else:
            robot = [sys.executable, "-m", "robot", "--outputdir", str(outputdir)]
            status = run_robot([*robot, *options, *_words(selection), *suites])
        if status == WRONG_USAGE:
            put_back()
    _stop_if_ended(status, outputdir)
    if rerun and status < WRONG_USAGE:
        # The tests that failed are known by name now: options that choose by tags could only take some away.
        _stop_if_ended(run_failed_again(outputdir, options, suites, rerun), outputdir)
    _judge(context, outputdir)


@main.command("rerun")
@click.argument("directory", type=click.Path(path_type=Path, exists=True, file_okay=False), default=Path("results"))
@click.option("--times", type=click.IntRange(min=1), default=1, show_default=True, help="At most so often.")
@_variables
@click.pass_context
def rerun_command(context: click.Context, directory: Path, times: int, variables: tuple[str, ...]) -> None:
    """Run those tests again that failed in a finished run, and merge the results there.

    DIRECTORY is where that run left its files: results, unless another is named. Each attempt is kept; the verdict is
    as that of `sage-test run --rerun`.
    """
    if not (directory / OUTPUT).is_file():
        raise click.UsageError(f"{directory} has no {OUTPUT}, so no run ended there")
    try:
        suites = suites_of(directory / OUTPUT)
    except DataError as error:
        raise click.UsageError(f"{directory / OUTPUT} is no result of a run: {str(error).splitlines()[0]}") from error
    options = [*CONSOLE, *_words({"variable": variables})]
    _stop_if_ended(run_failed_again(directory, options, suites, times), directory)
    _judge(context, directory)


@main.command("check")
@_selection
@_variables
def check_command(suites: tuple[str, ...], **selection: tuple[str, ...]) -> None:
    """Find misspelt keywords, faults, nodes and times, each with its place. Touches no machine and no results.

    The exit status is 1 when there is one.

    \b
    Examples:
      sage-test check robot
      sage-test check --variable WORKER_COUNT:10 robot/scaling.robot
    """
    planned = _planned(suites, {}, **selection)
    wrong = [test for test in planned if test.problem]
    for problem in dict.fromkeys(line for test in wrong for line in test.problem.splitlines()):
        click.echo(problem)
    found = f"{len(wrong)} of them cannot run" if wrong else "nothing is misspelt"
    click.echo(f"{len(planned)} test{'s' * (len(planned) != 1)}, {found}")
    sys.exit(1 if wrong else 0)


@main.command("plan")
@_selection
@_variables
@click.option("--results", type=click.Path(path_type=Path), default=Path("results"), help="Where earlier runs lie.")
@click.option("--json", "json", is_flag=True, help="Print JSON.")
def plan_command(suites: tuple[str, ...], results: Path, json: bool, **selection: tuple[str, ...]) -> None:
    """Print the tests, the nodes and faults in them, and the expected minutes. Touches no machine.

    The exit status is 1 when a test could not run, because of a misspelt word for example.

    \b
    Examples:
      sage-test plan --exclude slow robot
      sage-test plan --include destructive --json robot
    """
    durations = earlier_durations(recordings(results))
    planned = _planned(suites, durations, **selection)
    click.echo(as_json(planned) if json else as_text(planned))
    sys.exit(1 if any(test.problem for test in planned) else 0)


main.add_command(verdict, "verdict")


def _planned(suites: tuple[str, ...], durations: Durations, **selection: tuple[str, ...]) -> list[PlannedTest]:
    try:
        return plan(suites, durations, **selection)
    except DataError as error:
        raise click.UsageError(str(error)) from error


def _words(options: dict[str, tuple[str, ...]]) -> list[str]:
    return [word for option, values in options.items() for value in values for word in (f"--{option}", value)]


def _stop_if_ended(status: int, directory: Path) -> None:
    """Exit where there is nothing to judge: the options were wrong, or robot itself ended early."""
    if status == WRONG_USAGE:
        sys.exit(2)
    if not (directory / OUTPUT).exists():
        click.echo(f"robot ended with status {status} and left no {OUTPUT}: nothing is proven", err=True)
        sys.exit(4)


def _judge(context: click.Context, directory: Path) -> None:
    page = next((page for page in (directory / PAGE, directory / REPORT) if page.exists()), directory)
    click.echo(f"\nopen: {page.resolve()}")
    context.invoke(verdict, output=directory / OUTPUT)


if __name__ == "__main__":
    main(prog_name="sage-test")
