"""How the command line shows nodes and findings to a person."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from sage_lab.doctor.finding import Finding
from sage_lab.model import NodeHealth
from sage_lab.topology import MIB

_WIDEST = 200


def print_health(lab: str, health: Sequence[NodeHealth]) -> None:
    """One row per node."""
    table = Table(title=f"lab {lab}", title_justify="left", box=box.SIMPLE_HEAD)
    for heading in ("node", "state", "ssh", "cluster link", "cluster", "control", "memory", "disk"):
        table.add_column(heading, no_wrap=True)
    for node in health:
        table.add_row(
            node.name,
            _coloured(node.state, good=node.state == "running"),
            _coloured("answers" if node.ssh else "silent", good=node.ssh),
            _coloured("plugged" if node.plugged else "unplugged", good=node.plugged),
            node.cluster_address,
            node.control_address,
            _of(node.memory_used, node.memory_limit),
            _of(node.disk_used, node.disk_size),
        )
    # Nothing is cut off: a table that does not fit the window, or goes into a pipe, keeps its width.
    Console(width=Console(width=_WIDEST).measure(table).maximum).print(table)


def print_findings(findings: Sequence[Finding], *, fit: bool) -> None:
    """One line per check, its fix below it, and the verdict."""
    console = Console(highlight=False, soft_wrap=True)
    group = ""
    for finding in findings:
        if finding.group != group:
            group = finding.group
            console.print(Text(group, style="bold"))
        mark = _coloured("ok  " if finding.good else "FAIL", good=finding.good)
        console.print(Text("  ").append_text(mark).append(f" {finding.check}: {finding.found}"))
        if not finding.good:
            console.print(Text(f"       fix: {finding.fix}"))
    console.print(Text(f"this machine {'can' if fit else 'cannot'} carry a container lab"))


def _coloured(text: str, *, good: bool) -> Text:
    return Text(text, style="green" if good else "red")


def _of(used: int, limit: int) -> str:
    return f"{used // MIB} of {limit // MIB} MiB"
