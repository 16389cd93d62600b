"""The command ``sage-lab up``, and what a lab says of itself."""

from __future__ import annotations

import json
import time
from pathlib import Path

import click

from sage_lab.cli.options import json_option, name_option
from sage_lab.lab import Lab
from sage_lab.providers.registry import DEFAULT, PROVIDERS
from sage_lab.topology import Topology


@click.command("up")
@click.option("--workers", type=click.IntRange(min=0), help="How many workers; 2, or all of an inventory.")
@click.option("--spare", "spares", multiple=True, metavar="NAME", help="A node outside of the cluster.")
@click.option("--topology", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="A YAML file.")
@click.option(
    "--provider",
    type=click.Choice(list(PROVIDERS)),
    default=DEFAULT,
    envvar="SAGE_LAB_PROVIDER",
    show_default=True,
    help="What kind of machine; else $SAGE_LAB_PROVIDER.",
)
@click.option(
    "--inventory",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    envvar="SAGE_LAB_INVENTORY",
    help="A YAML file of machines that exist, for the provider static; else $SAGE_LAB_INVENTORY.",
)
@name_option
@json_option
def up(
    workers: int | None,
    spares: tuple[str, ...],
    topology: Path | None,
    provider: str,
    inventory: Path | None,
    name: str | None,
    as_json: bool,
) -> None:
    """Build the lab, or reuse it when it is up and the same.

    \b
    Examples:
      sage-lab up
      sage-lab up --workers 3 --spare new-worker
      sage-lab up --topology resources/topologies/ten-workers.yaml
      sage-lab up --provider static --inventory machines.yaml
    """
    if topology is not None and (workers is not None or spares):
        raise click.UsageError("--topology already says how many workers and spares there are")
    fewest = 0 if provider == "static" else 2
    wanted = Topology.load(topology) if topology else Topology.of(fewest if workers is None else workers, spares)
    started = time.monotonic()
    lab = Lab.up(
        wanted, name, report=lambda text: click.echo(text, err=as_json), provider=provider, inventory=inventory
    )
    if as_json:
        click.echo(json.dumps(describe(lab), indent=2))
    else:
        click.echo(f"lab {lab.name}: {len(lab.nodes)} nodes up in {time.monotonic() - started:.1f} s")
        click.echo(f"configuration: {lab.config_path}")


def describe(lab: Lab) -> dict[str, object]:
    """The lab's files and nodes, as plain values."""
    return {
        "name": lab.name,
        "provider": lab.provider,
        "directory": str(lab.directory),
        "config": str(lab.config_path),
        "ssh_config": str(lab.ssh_config_path),
        "nodes": [
            {
                "name": node.name,
                "role": node.role,
                "control_address": node.control_address,
                "cluster_address": node.cluster_address,
            }
            for node in lab.nodes
        ],
    }
