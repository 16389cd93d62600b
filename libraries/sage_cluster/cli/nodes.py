"""`sage-cluster head ...` and `sage-cluster worker ...`: some nodes only."""

from __future__ import annotations

import click

from sage_cluster.cli.call import Call, operate, show_nodes
from sage_cluster.cli.console import print_json


@click.group()
def head() -> None:
    """Only the head."""


@head.command("start")
@click.pass_obj
def head_start(call: Call) -> None:
    """Start the head unless it runs, and the supervisor (see recovery.enabled)."""
    operate(call, lambda manager: manager.supervised(manager.head.start(wait=call.wait)))


@head.command("stop")
@click.option("--force", is_flag=True, help="Do not ask the processes first.")
@click.pass_obj
def head_stop(call: Call, force: bool) -> None:
    """Stop the head."""
    operate(call, lambda manager: manager.head.stop(force=force, wait=call.wait))


@head.command("restart")
@click.pass_obj
def head_restart(call: Call) -> None:
    """Restart the head; the workers have to join the new session anew."""
    operate(call, lambda manager: manager.head.restart(wait=call.wait))


@head.command("status")
@click.pass_obj
def head_status(call: Call) -> None:
    """What the head is."""
    show_nodes(call, lambda manager: [manager.head.status()])


@head.command("logs")
@click.option("--log", default="gcs_server.out", show_default=True, help="Which log.")
@click.option("--lines", type=click.IntRange(min=1), default=100, show_default=True, help="How many lines.")
@click.option("--follow", is_flag=True, help="Go on as the log grows.")
@click.pass_obj
def head_logs(call: Call, log: str, lines: int, follow: bool) -> None:
    """The end of one of the head's logs."""
    manager = call.manager()
    click.echo(manager.head.log(log, lines))
    if follow:
        manager.head.follow_log(log, lambda text: click.echo(text, nl=False))


@click.group()
def worker() -> None:
    """Only the workers, all or some."""


@worker.command("list")
@click.pass_obj
def worker_list(call: Call) -> None:
    """The configured workers."""
    names = call.manager().workers.list_workers()
    if call.as_json:
        print_json(list(names))
    else:
        click.echo("\n".join(names))


@worker.command("start")
@click.argument("names", nargs=-1)
@click.pass_obj
def worker_start(call: Call, names: tuple[str, ...]) -> None:
    """Start all workers, or those named, and the supervisor (see recovery.enabled)."""
    operate(
        call, lambda manager: manager.supervised(manager.workers.start_workers(names=names or None, wait=call.wait))
    )


@worker.command("stop")
@click.argument("names", nargs=-1)
@click.option("--force", is_flag=True, help="Do not ask the processes first.")
@click.pass_obj
def worker_stop(call: Call, names: tuple[str, ...], force: bool) -> None:
    """Stop all workers, or those named."""
    operate(call, lambda manager: manager.workers.stop_workers(force, names=names or None, wait=call.wait))


@worker.command("restart")
@click.argument("names", nargs=-1)
@click.option("--rolling", is_flag=True, help="One after another, each drained first: jobs go on.")
@click.pass_obj
def worker_restart(call: Call, names: tuple[str, ...], rolling: bool) -> None:
    """Restart all workers, or those named."""
    operate(call, lambda manager: manager.workers.restart_workers(names=names or None, wait=call.wait, rolling=rolling))


@worker.command("status")
@click.pass_obj
def worker_status(call: Call) -> None:
    """What every worker is."""
    show_nodes(call, lambda manager: manager.workers.status_workers())


@worker.command("logs")
@click.argument("name")
@click.option("--log", default="raylet.out", show_default=True, help="Which log.")
@click.option("--lines", type=click.IntRange(min=1), default=100, show_default=True, help="How many lines.")
@click.option("--follow", is_flag=True, help="Go on as the log grows.")
@click.pass_obj
def worker_logs(call: Call, name: str, log: str, lines: int, follow: bool) -> None:
    """The end of one of a worker's logs."""
    manager = call.manager()
    click.echo(manager.workers.log(name, log, lines))
    if follow:
        manager.workers.follow_log(name, log, lambda text: click.echo(text, nl=False))
