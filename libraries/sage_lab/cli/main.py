"""The command ``sage-lab``: a lab of real nodes, from a shell."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import click

from sage_lab.cli import tables
from sage_lab.cli.faults import faults
from sage_lab.cli.options import json_option, name_option
from sage_lab.cli.plugins import OpenGroup
from sage_lab.cli.up import describe, up
from sage_lab.doctor import container, vm
from sage_lab.errors import LabError
from sage_lab.lab import Lab
from sage_lab.ledger import Left
from sage_lab.machine.environment import program
from sage_lab.progress import step
from sage_lab.state import default_name, leftovers, sweep
from sage_lab.topology import Topology

Command = TypeVar("Command", bound=Callable[..., Any])

PASS_ON = {"ignore_unknown_options": True, "allow_interspersed_args": False}


def main() -> NoReturn:
    """Run the command; a LabError is told as text, with exit status 1."""
    try:
        commands(prog_name="sage-lab")
    except LabError as error:
        click.echo(f"sage-lab: {error}", err=True)
        for note in getattr(error, "__notes__", []):
            click.echo(note, err=True)
        sys.exit(1)
    sys.exit(0)


@click.group(cls=OpenGroup)
def commands() -> None:
    """A lab of real nodes on this machine: a head, workers and spares, each with its own SSH server."""


commands.add_command(faults)
commands.add_command(up)


@commands.command("status")
@name_option
@json_option
def status(name: str | None, as_json: bool) -> None:
    """Show each node: its state, links, memory and disk.

    \b
    Examples:
      sage-lab status
      sage-lab status --json
    """
    lab = Lab.attach(name)
    health = lab.status()
    if as_json:
        _print_json({**describe(lab), "nodes": [node.as_dict() for node in health]})
    else:
        tables.print_health(lab.name, health)


@commands.command("ssh", context_settings=PASS_ON)
@name_option
@click.argument("node")
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
def ssh(name: str | None, node: str, command: tuple[str, ...]) -> None:
    """Log in to a node as user sage over the control link, or run a command there.

    The exit status is the command's own; 255 when the node cannot be reached.

    \b
    Examples:
      sage-lab ssh head
      sage-lab ssh worker-1 uptime
      sage-lab ssh worker-1 'ps aux | grep raylet'
    """
    lab = Lab.attach(name)
    target = lab.node(node).name
    # One word is a line for the remote shell, several are one command and its arguments.
    line = command if len(command) == 1 else [shlex.join(command)] if command else []
    lab.enter()
    _replace_by(["ssh", "-F", str(lab.ssh_config_path), target, *line])


@commands.command("exec", context_settings=PASS_ON)
@name_option
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
def execute(name: str | None, command: tuple[str, ...]) -> None:
    """Run a command on this machine inside the lab's network, where the nodes' names resolve.

    SAGE_CONFIG names the lab's configuration, SAGE_LAB the lab; this environment's programs come first.

    \b
    Examples:
      sage-lab exec -- sage-cluster start
      sage-lab exec -- ssh-keyscan head
      sage-lab exec -- pytest tests/integration
    """
    lab = Lab.attach(name)
    lab.enter()
    os.environ["SAGE_LAB"] = lab.name
    os.environ["SAGE_CONFIG"] = str(lab.config_path)
    os.environ["PATH"] = f"{Path(program('x')).parent}:{os.environ.get('PATH', os.defpath)}"
    _replace_by(list(command))


@commands.command("down")
@name_option
@json_option
def down(name: str | None, as_json: bool) -> None:
    """Remove the lab and everything that it made; gone already is no error.

    \b
    Examples:
      sage-lab down
      sage-lab down --name lab-3fa2c1
    """
    _print_removed({name or default_name(): sweep(name)}, as_json)


@commands.command("sweep")
@name_option
@click.option("--all", "everything", is_flag=True, help="Every unfinished lab of this machine.")
@json_option
def sweep_command(name: str | None, everything: bool, as_json: bool) -> None:
    """Remove one lab and what it left behind, whatever ended it; nothing else is touched.

    With --all, every lab that is unfinished and that nobody works on; a lab that is up stays, since it may be
    somebody's: 'sage-lab down --name NAME' removes it.

    \b
    Examples:
      sage-lab sweep
      sage-lab sweep --all --json
    """
    if everything and name is not None:
        raise click.UsageError("--all and --name exclude each other")
    labs = leftovers() if everything else [name or default_name()]
    _print_removed({lab: sweep(lab) for lab in labs}, as_json)


@commands.command("save")
@click.argument("snapshot")
@name_option
def save(snapshot: str, name: str | None) -> None:
    """Keep all nodes as they are now, memory and disks, for 'rollback'; virtual machines only.

    \b
    Examples:
      sage-lab save fresh
    """
    lab = Lab.attach(name)
    with step(click.echo, f"{len(lab.nodes)} nodes saved as {snapshot}"):
        lab.save(snapshot)


@commands.command("rollback")
@click.argument("snapshot")
@name_option
def rollback(snapshot: str, name: str | None) -> None:
    """Bring all nodes back to how 'save' kept them; their clocks tell today's time.

    \b
    Examples:
      sage-lab rollback fresh
    """
    lab = Lab.attach(name)
    with step(click.echo, f"{len(lab.nodes)} nodes back to {snapshot}"):
        lab.rollback(snapshot)


@commands.command("doctor")
@click.option("--workers", type=click.IntRange(min=0), help="For how many; 2 when nothing is said.")
@click.option("--topology", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="A YAML file.")
@json_option
def doctor_command(workers: int | None, topology: Path | None, as_json: bool) -> None:
    """Check whether this machine can carry a lab, and print the fix for what is missing.

    What only a lab of virtual machines needs is told apart and does not count for the exit status.

    \b
    Examples:
      sage-lab doctor
      sage-lab doctor --workers 10 --json
      sage-lab doctor --topology resources/topologies/ten-workers.yaml
    """
    if topology is not None and workers is not None:
        raise click.UsageError("--topology already says how many workers and spares there are")
    wanted = Topology.load(topology) if topology else Topology.of(2 if workers is None else workers)
    findings = container.examine(wanted) + vm.examine(wanted.workers)
    fit = container.fit(findings)
    if as_json:
        _print_json({"fit": fit, "findings": [finding.as_dict() for finding in findings]})
    else:
        tables.print_findings(findings, fit=fit)
    sys.exit(0 if fit else 1)


def _print_removed(removed: dict[str, list[str]], as_json: bool) -> None:
    if as_json:
        _print_json({"removed": removed})
        return
    for lab, things in removed.items():
        left = [thing for thing in things if isinstance(thing, Left)]
        gone = len(things) - len(left)
        click.echo(f"lab {lab}: {gone} things removed" if things else f"lab {lab}: nothing there")
        for thing in left:
            click.echo(f"  left as it is: {thing}")
    if not removed:
        click.echo("no unfinished lab on this machine")


def _print_json(content: dict[str, Any]) -> None:
    click.echo(json.dumps(content, indent=2))


def _replace_by(argv: list[str]) -> NoReturn:
    """Let the command take this process's place, so that its exit status and signals are its own."""
    path = shutil.which(argv[0])
    if path is None:
        raise LabError(f"there is no program {argv[0]!r}", where="this machine", fix="check its spelling")
    sys.stdout.flush()
    os.execv(path, argv)  # noqa: S606 - that there is no shell is the point
