"""`sage-cluster start|stop|restart|status|scale|info|journal`: the cluster as a whole."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import click
from rich.console import Console

from sage_cluster.cli.call import Call, Command, Seconds, ask, operate
from sage_cluster.cli.config import config as config_group
from sage_cluster.cli.console import print_json, print_status
from sage_cluster.cli.deploy import deploy
from sage_cluster.cli.nodes import head, worker
from sage_cluster.config_manager import ConfigManager
from sage_cluster.supervision.process import SupervisorProcess


@click.group(cls=Command, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    help="The configuration file, else $SAGE_CONFIG, else ~/.sage/config.yaml.",
)
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")
@click.option("--wait", type=Seconds(), default=0.0, metavar="SECONDS", help="Wait for another operation to end.")
@click.version_option(package_name="sage-cluster-lab")
@click.pass_context
def main(ctx: click.Context, config: Path | None, as_json: bool, wait: float) -> None:
    """Start, stop, inspect and scale a Ray cluster: one head, many workers, over SSH.

    \b
    Examples:
      sage-cluster config init            write a first configuration file
      sage-cluster start                  start the head and all workers
      sage-cluster status                 what every node is, and what Ray says of it
      sage-cluster scale add node7:22     one worker more
      sage-cluster --json status | jq .active_workers
    """
    ctx.obj = Call(config, as_json, wait)
    logging.captureWarnings(True)
    logging.basicConfig(format="%(levelname)s: %(message)s", level=logging.WARNING)


@main.command()
@click.pass_obj
def start(call: Call) -> None:
    """Start what does not run yet: the head, then all workers at once."""
    operate(call, lambda manager: manager.start_cluster(wait=call.wait))


@main.command()
@click.option("--force", is_flag=True, help="Do not ask the processes first.")
@click.pass_obj
def stop(call: Call, force: bool) -> None:
    """Stop all workers, then the head, and prove that nothing is left."""
    operate(call, lambda manager: manager.stop_cluster(force=force, wait=call.wait))


@main.command()
@click.option("--rolling", is_flag=True, help="Only the workers, one after another, each drained first: jobs go on.")
@click.pass_obj
def restart(call: Call, rolling: bool) -> None:
    """Stop everything, then start everything."""
    operate(call, lambda manager: manager.restart_cluster(wait=call.wait, rolling=rolling))


@main.command()
@click.pass_obj
def status(call: Call) -> None:
    """What every node is. Exit status 1 unless all nodes run."""
    answer = ask(call, lambda manager: manager.status_cluster())
    if call.as_json:
        print_json(answer.to_dict())
    else:
        print_status(Console(), answer)
    sys.exit(0 if answer.healthy else 1)


@main.command()
@click.argument("action", type=click.Choice(["add", "remove"]))
@click.argument("addresses", nargs=-1, required=True, metavar="HOST[:PORT]...")
@click.pass_obj
def scale(call: Call, action: str, addresses: tuple[str, ...]) -> None:
    """Add workers to the running cluster, or drain some and remove them. Several come or go at once.

    \b
    Examples:
      sage-cluster scale add node7
      sage-cluster scale add node8 node9 node10
      sage-cluster scale remove node7:2222
    """
    operate(call, lambda manager: manager.scale_cluster(action, ",".join(addresses), wait=call.wait))


@main.command()
@click.pass_obj
def info(call: Call) -> None:
    """Where things are: configuration, addresses, dashboard, session, versions."""
    answer = ask(call, lambda manager: manager.cluster_info())
    if call.as_json:
        print_json(answer)
        return
    for key, value in answer.items():
        click.echo(f"{key:16} {', '.join(value) if isinstance(value, list) else value}")


@main.command()
@click.pass_obj
def supervise(call: Call) -> None:
    """Watch the started nodes and bring failed ones back, in this process, until it is told to end.

    "start" begins one in the background, unless recovery.enabled is false.
    """
    SupervisorProcess(ConfigManager(call.config).path).run()


@main.command()
@click.option("--last", type=click.IntRange(min=0), default=20, show_default=True, help="How many events.")
@click.pass_obj
def journal(call: Call, last: int) -> None:
    """What was done on this cluster, newest last."""
    events = call.manager().operations.journal.last(last)
    if call.as_json:
        print_json(events)
        return
    for event in events:
        success = {True: "ok", False: "FAILED"}.get(event.get("success", ""), "")
        told = (event.get(key, "") for key in ("operation", "node", "state", "action", "reason", "error"))
        click.echo("  ".join(filter(None, (event["time"], event["event"], *told, success))))


main.add_command(deploy)
main.add_command(head)
main.add_command(worker)
main.add_command(config_group)
