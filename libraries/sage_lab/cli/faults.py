"""The commands ``sage-lab faults ...``: break a node by hand, and mend it."""

from __future__ import annotations

import contextlib
import json
import sys
import time
from typing import Any

import click
from rich import box
from rich.console import Console
from rich.table import Table

from sage_lab.cli.options import json_option, name_option
from sage_lab.errors import LabNotUpError
from sage_lab.faults import active, catalogue, find, heal_all, inject, kind_of
from sage_lab.faults.options import parse, seconds
from sage_lab.lab import Lab
from sage_lab.providers.registry import PROVIDERS

_WIDEST = 240


@click.group("faults")
def faults() -> None:
    """Break nodes of the lab on purpose, see that they are broken, and mend them.

    \b
    Examples:
      sage-lab faults list
      sage-lab faults inject isolated worker-1 --for 30s
      sage-lab faults heal
    """


@faults.command("list")
@json_option
def list_command(as_json: bool) -> None:
    """Show every fault, what it does, and its options.

    \b
    Examples:
      sage-lab faults list
      sage-lab faults list --json
    """
    if as_json:
        _print_json([_described(kind.name) for kind in catalogue()])
        return
    rows = []
    for kind in catalogue():
        options = [f"{option.name}={option.default}: {option.meaning}" for option in kind.options]
        rows.append([kind.family.value, kind.name, "\n".join([kind.does, *options])])
    _print_table(("family", "fault", "what it does, and its options"), rows)


@faults.command("inject")
@click.argument("kind")
@click.argument("nodes", nargs=-1, required=True, metavar="NODE...")
@click.option("--for", "how_long", default="30s", show_default=True, metavar="TIME", help="Until it is healed.")
@click.option("--option", "options", multiple=True, metavar="NAME=VALUE", help="An option of the fault.")
@name_option
def inject_command(
    kind: str, nodes: tuple[str, ...], how_long: str, options: tuple[str, ...], name: str | None
) -> None:
    """Inject a fault, say when it took effect, wait, and heal it; Ctrl-C heals at once.

    \b
    Examples:
      sage-lab faults inject "raylet killed" worker-1
      sage-lab faults inject isolated worker-1 worker-2 --for 1m30s
      sage-lab faults inject lossy head --for 10s --option percent=30
    """
    duration = seconds(how_long)
    lab = Lab.attach(name)
    given: dict[str, Any] = {**parse(options)}
    if reserved := {"duration", "lease"} & set(given):
        raise click.UsageError(f"{reserved.pop()} is no option of a fault: use --for")
    with inject(lab, kind, *nodes, duration=duration, **given) as fault:
        click.echo(f"{fault.kind} ({fault.id}) took effect on {', '.join(fault.targets)}; healing in {duration:g} s")
        until = time.monotonic() + duration
        try:
            while fault.active and (left := until - time.monotonic()) > 0:
                time.sleep(min(left, 0.2))
        except KeyboardInterrupt:
            click.echo("interrupted: healing now", err=True)
        taken = fault.heal()
    click.echo(f"healed in {taken:.1f} s")


@faults.command("active")
@name_option
@json_option
def active_command(name: str | None, as_json: bool) -> None:
    """Show the faults that are not healed.

    \b
    Examples:
      sage-lab faults active
      sage-lab faults active --json
    """
    found = active(Lab.attach(name))
    if as_json:
        _print_json([{"id": one.id, "kind": one.kind, "targets": list(one.targets)} for one in found])
    elif found:
        _print_table(("id", "fault", "nodes"), [[one.id, one.kind.value, ", ".join(one.targets)] for one in found])
    else:
        click.echo("no fault is active")


@faults.command("heal")
@click.argument("ids", nargs=-1, metavar="[ID]...")
@name_option
def heal_command(ids: tuple[str, ...], name: str | None) -> None:
    """Heal the faults of these ids, or all, the newest first.

    \b
    Examples:
      sage-lab faults heal
      sage-lab faults heal 3fa2c1d0
    """
    lab = Lab.attach(name)
    if ids:
        healed = [find(lab, one) for one in ids]
        for fault in healed:
            fault.heal()
    else:
        healed = heal_all(lab)
    for fault in healed:
        click.echo(f"healed: {fault.kind} ({fault.id}) on {', '.join(fault.targets)}")
    if not healed:
        click.echo("no fault was active")


@faults.command("matrix")
@name_option
@json_option
def matrix_command(name: str | None, as_json: bool) -> None:
    """Show which faults each kind of lab can have, and why not the others.

    For the lab that is up, if any, what its machines lack is told too.

    \b
    Examples:
      sage-lab faults matrix
      sage-lab faults matrix --json
    """
    reasons = {
        kind.name: {lab: made.reasons.get(kind.needs, "") if kind.needs else "" for lab, made in PROVIDERS.items()}
        for kind in catalogue()
    }
    with contextlib.suppress(LabNotUpError):
        lab = Lab.attach(name)
        for kind in catalogue():
            reasons[kind.name][lab.provider] = kind.supported(lab)
    if as_json:
        answers = {
            fault: {lab: {"supported": not why, "reason": why} for lab, why in of_lab.items()}
            for fault, of_lab in reasons.items()
        }
        _print_json(answers)
        return
    rows = []
    for fault, of_lab in reasons.items():
        rows.append([fault, *("no" if why else "yes" for why in of_lab.values()), _told(of_lab)])
    _print_table(("fault", *PROVIDERS, "why not"), rows)


def _told(reasons: dict[str, str]) -> str:
    """The reasons, a line for each lab that has one."""
    return "\n".join(f"{lab}: {why}" for lab, why in reasons.items() if why)


def _described(name: str) -> dict[str, Any]:
    kind = kind_of(name)
    options = [{"name": one.name, "default": one.default, "meaning": one.meaning} for one in kind.options]
    return {"name": kind.name, "family": kind.family, "does": kind.does, "options": options}


def _print_table(headings: tuple[str, ...], rows: list[list[str]]) -> None:
    table = Table(box=box.SIMPLE_HEAD)
    for heading in headings:
        table.add_column(heading, no_wrap=True)
    for row in rows:
        table.add_row(*row)
    # Nothing is cut off, in a pipe neither.
    Console(width=Console(width=_WIDEST).measure(table).maximum, file=sys.stdout).print(table)


def _print_json(content: object) -> None:
    click.echo(json.dumps(content, indent=2))
