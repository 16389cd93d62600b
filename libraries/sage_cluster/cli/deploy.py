"""`sage-cluster deploy`: a project and what it needs to every node, or back to the release before."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from sage_cluster.cli.call import Call, operate
from sage_cluster.cli.console import print_result
from sage_cluster.cluster_manager import ClusterManager
from sage_cluster.model import OperationResult


@click.command()
@click.option(
    "--project", type=click.Path(path_type=Path), help="A project's directory or a wheel, else deploy.project."
)
@click.option("--dry-run", is_flag=True, help="Say what would be sent, and change nothing on the nodes.")
@click.option("--rollback", is_flag=True, help="Switch back to the release before.")
@click.argument("nodes", nargs=-1, metavar="[NODE]...")
@click.pass_obj
def deploy(call: Call, project: Path | None, dry_run: bool, rollback: bool, nodes: tuple[str, ...]) -> None:
    """Send a project and what it needs to the head and all workers, or to some nodes.

    Only what a node lacks is sent. A node switches when the project works there; one that fails keeps what it had.
    A Ray that runs sees the new release after `sage-cluster restart`.

    \b
    Examples:
      sage-cluster deploy --project ~/my-project --dry-run
      sage-cluster deploy worker-1
      sage-cluster deploy --rollback
    """
    if rollback and (project or dry_run):
        raise click.UsageError("--rollback goes with neither --project nor --dry-run")

    def work(manager: ClusterManager) -> OperationResult:
        if rollback:
            return manager.deployment.rollback(names=nodes or None, wait=call.wait)
        return manager.deployment.deploy(names=nodes or None, project=project, dry_run=dry_run, wait=call.wait)

    operate(call, work, show=print_deployment)


def print_deployment(console: Console, result: OperationResult) -> None:
    """The table, what failed in full, the verdict, what is not in the package, and what a running cluster needs."""
    print_result(console, result, deployment_table)
    for one in next((node.details["left_out"] for node in result.nodes if "left_out" in node.details), ()):
        console.print(Text(f"not in the package: {one}", "yellow"), soft_wrap=True)
    waiting = [node.name for node in result.nodes if node.details.get("restart_needed")]
    if waiting:
        note = f"Ray on {', '.join(waiting)} uses the release after: sage-cluster restart"
        console.print(Text(note, "yellow"), soft_wrap=True)


def deployment_table(result: OperationResult) -> Table:
    """One row per node: outcome, its release, files and bytes sent, files skipped because they were there, seconds."""
    table = Table("NODE", "RESULT", "RELEASE", "SENT", "BYTES", "SKIPPED", "TIME", box=None, pad_edge=False)
    for node in result.nodes:
        details = node.details
        table.add_row(
            Text(node.name),
            Text("unchanged" if details.get("unchanged") else "ok", "green")
            if node.success
            else Text("FAILED", "bold red"),
            Text(details.get("release") or "-"),
            *(f"{details[key]:,}" if key in details else "-" for key in ("files_sent", "bytes_sent", "files_skipped")),
            f"{node.elapsed:.1f} s",
        )
    return table
