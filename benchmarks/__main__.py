"""The command: everything in turn, or one measurement, which prints its JSON."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from benchmarks import deployment, fanout, lab_commands, ray_up, scale, scale_client, start, status, tables
from benchmarks.errors import BenchmarkError
from benchmarks.run import KINDS, run
from sage_cluster import SageError
from sage_lab import LabError

RESULTS = Path(__file__).parents[1] / "results" / "benchmarks.json"
REPEAT = 3

lab_option = click.option("--lab", required=True, help="The name of the lab to make for it.")
workers_option = click.option("--workers", type=click.IntRange(min=1), required=True)
repeat_option = click.option("--repeat", type=click.IntRange(min=1), default=REPEAT, show_default=True)


@click.group(invoke_without_command=True)
@click.option("--only", help=f"Some of {','.join(KINDS)}, with commas.")
@click.option("--repeat", type=click.IntRange(min=1), help=f"Rounds; {REPEAT} when not given, 1 with --quick.")
@click.option("--quick", is_flag=True, help="Small sizes, one round: does it all work?")
@click.option("--full", is_flag=True, help="SAGE's way of today with 6 and 10 workers too, which takes minutes each.")
@click.option("--output", type=click.Path(path_type=Path), default=RESULTS, help="Else results/benchmarks.json.")
@click.pass_context
def main(context: click.Context, only: str | None, repeat: int | None, quick: bool, full: bool, output: Path) -> None:
    """Measure everything side by side, print tables, write results/benchmarks.json. Needs root, for the lab."""
    if context.invoked_subcommand:
        return
    kinds = only.split(",") if only else list(KINDS)
    if unknown := set(kinds) - set(KINDS):
        raise click.UsageError(f"--only {','.join(sorted(unknown))}: there are {', '.join(KINDS)}")
    command = shlex.join(["python", "-m", "benchmarks", *sys.argv[1:]])
    rounds = repeat or (1 if quick else REPEAT)
    results = run(kinds, rounds, quick=quick, full=full, command=command, output=output)
    tables.print_tables(results, Console())
    click.echo(f"results: {output}")
    if any(measured.get("error") for measured in results["measurements"].values()):
        sys.exit(1)


@main.command("tables")
@click.option("--markdown", is_flag=True)
@click.argument("file", type=click.Path(path_type=Path, exists=True), default=RESULTS)
def tables_command(file: Path, markdown: bool) -> None:
    """Print the tables of an earlier run."""
    console = Console(width=400) if markdown else Console()
    tables.print_tables(json.loads(file.read_text(encoding="utf-8")), console, markdown=markdown)


@main.command("start")
@lab_option
@workers_option
@repeat_option
@click.option("--today", is_flag=True, help="Also one worker after another, with SAGE's sleeps.")
def start_command(lab: str, workers: int, repeat: int, today: bool) -> None:
    """Start a cluster by the manager and without it."""
    _print(start.measure_start(lab, workers, repeat, today))


@main.command("status")
@lab_option
@workers_option
@repeat_option
def status_command(lab: str, workers: int, repeat: int) -> None:
    """Ask a running cluster for its status."""
    _print(status.measure_status(lab, workers, repeat))


@main.command("fanout")
@lab_option
@workers_option
@repeat_option
@click.option("--quick", is_flag=True)
def fanout_command(lab: str, workers: int, repeat: int, quick: bool) -> None:
    """Run `true` on many connections by three clients."""
    _print(fanout.measure_fanout(lab, workers, repeat, fanout.QUICK_CASES if quick else fanout.CASES))


@main.command("fanout-client")
@click.argument("lab")
@click.argument("client", type=click.Choice((*fanout.NAMES, fanout.ANSIBLE)))
@click.argument("kind", type=click.Choice(("fresh", "warm")))
@click.argument("count", type=click.IntRange(min=1))
def fanout_client_command(lab: str, client: str, kind: str, count: int) -> None:
    """Run one client once, on a lab that is up."""
    _print(fanout.run_client(lab, client, kind, count))


@main.command("lab")
@lab_option
@click.option("--workers", type=click.IntRange(min=0), multiple=True, required=True)
@repeat_option
def lab_command(lab: str, workers: tuple[int, ...], repeat: int) -> None:
    """Bring labs up and down by the command."""
    _print(lab_commands.measure_lab(lab, list(workers), repeat))


@main.command("deployment")
@lab_option
@workers_option
@repeat_option
def deployment_command(lab: str, workers: int, repeat: int) -> None:
    """Deploy files by the manager and by rsync."""
    _print(deployment.measure_deployment(lab, workers, repeat))


@main.command("ray-up")
@lab_option
@workers_option
@repeat_option
def ray_up_command(lab: str, workers: int, repeat: int) -> None:
    """Start and stop a cluster by the manager and by Ray's own launcher."""
    _print(ray_up.measure_ray_up(lab, workers, repeat))


@main.command("scale")
@click.option("--workers", type=click.IntRange(min=1), multiple=True, help="10, 100 and 1000 when not given.")
def scale_command(workers: tuple[int, ...]) -> None:
    """Start, ask and supervise ever more simulated nodes. Needs neither root nor a lab."""
    _print(scale.measure_scale(list(workers or scale.SIZES)))


@main.command("scale-client")
@click.argument("config", type=click.Path(path_type=Path, exists=True))
@click.argument("operation", type=click.Choice(scale.OPERATIONS))
def scale_client_command(config: Path, operation: str) -> None:
    """Run one operation on simulated nodes that are there."""
    _print(scale_client.run_client(config, operation))


def _print(result: dict[str, Any]) -> None:
    click.echo(json.dumps(result))


if __name__ == "__main__":
    try:
        main(prog_name="python -m benchmarks")
    except (BenchmarkError, SageError, LabError) as error:
        click.echo(f"benchmarks: {error}", err=True)
        sys.exit(1)
