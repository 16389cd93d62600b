"""What a person sees of an operation: live progress per node, and a table at the end."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from types import TracebackType
from typing import Any, Self

import click
from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from sage_cluster.model import ClusterStatus, Incident, NodeState, NodeStatus, OperationResult

COLOURS = {
    NodeState.RUNNING: "green",
    NodeState.STOPPED: "dim",
    NodeState.UNREACHABLE: "red",
    NodeState.CUT_OFF: "red",
    NodeState.UNREGISTERED: "yellow",
    NodeState.HUNG: "red",
    NodeState.INCOMPLETE: "yellow",
}


WIDEST = 1000


class Progress:
    """Shows the phase each node has reached: a live table on a terminal, a line per step elsewhere."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._phases: dict[str, tuple[str, float]] = {}
        self._began = time.monotonic()
        self._guard = threading.Lock()
        self._live = Live(console=console, transient=True, auto_refresh=False) if console.is_terminal else None

    def __call__(self, node: str, phase: str) -> None:
        """Record a step; made to be a manager's ``report``."""
        with self._guard:
            at = time.monotonic() - self._began
            self._phases[node] = (phase, at)
            if self._live:
                self._live.update(self._table(), refresh=True)
            else:
                self._console.print(Text(f"{at:6.1f} s  {node}: {phase}"), soft_wrap=True)

    def __enter__(self) -> Self:
        if self._live:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            self._live.stop()

    def _table(self) -> Table:
        table = Table(box=None, show_header=False)
        for node, (phase, at) in self._phases.items():
            table.add_row(Text(node), Text(phase), f"{at:.1f} s")
        return table


def print_json(value: dict[str, Any] | list[Any]) -> None:
    """Write a value as JSON, as it is: no colours, no wrapping."""
    click.echo(json.dumps(value, indent=2, default=str))


def print_table(console: Console, table: Table) -> None:
    """Print a table; where no terminal is, as wide as it is: a name in a file or a pipe is never cut in two."""
    if not console.is_terminal:
        console.width = max(console.width, Console(width=WIDEST).measure(table).maximum)
    console.print(table)


def result_table(result: OperationResult) -> Table:
    """One row per node: outcome, phase, seconds."""
    table = Table("NODE", "RESULT", "PHASE", "TIME", box=None, pad_edge=False)
    for node in result.nodes:
        outcome = Text("ok", "green") if node.success else Text("FAILED", "bold red")
        phase = "already running" if node.details.get("already_running") else node.phase
        table.add_row(Text(node.name), outcome, Text(phase), f"{node.elapsed:.1f} s")
    return table


def status_table(nodes: tuple[NodeStatus, ...], supervisor: dict[str, dict[str, Any]] | None = None) -> Table:
    """One row per node: state, what Ray and the supervisor say, address, processes, load."""
    table = Table(
        "NODE", "ROLE", "STATE", "RAY SAYS", "SUPERVISOR", "ADDRESS", "PROCESSES", "LOAD", box=None, pad_edge=False
    )
    for node in nodes:
        table.add_row(
            Text(node.name),
            node.role,
            Text(node.state, COLOURS[node.state]),
            node.ray_state or "-",
            (supervisor or {}).get(node.name, {}).get("state", "-"),
            Text(node.address or "-"),
            str(len(node.processes)),
            "-" if node.load is None else f"{node.load:.2f}",
        )
    return table


def incident_table(troubles: Mapping[str, Incident]) -> Table:
    """One row per node that had a trouble: the last one, with its times of day here and how long it took."""
    table = Table("NODE", "LAST TROUBLE", "NOTICED", "DECIDED", "REPAIRED", "TOOK", box=None, pad_edge=False)
    for name, trouble in troubles.items():
        end = _time_of_day(trouble.repaired)
        if trouble.quarantined and not trouble.over:
            end = "gave up"
        elif trouble.over and not trouble.repaired:
            end = f"over {_time_of_day(trouble.over)}"
        table.add_row(
            Text(name),
            Text(trouble.reason),
            _time_of_day(trouble.noticed),
            " ".join(filter(None, (_time_of_day(trouble.decided), trouble.action))) or "-",
            end or "-",
            "-" if trouble.seconds is None else f"{trouble.seconds:.1f} s",
        )
    return table


def _time_of_day(text: str) -> str:
    """A journal's time on this machine's clock; with the date when that is not today's."""
    if not text:
        return ""
    moment = datetime.fromisoformat(text).astimezone()
    today = datetime.now().astimezone().date()
    return moment.strftime("%H:%M:%S" if moment.date() == today else "%Y-%m-%d %H:%M:%S")


def print_result(
    console: Console, result: OperationResult, table: Callable[[OperationResult], Table] = result_table
) -> None:
    """The table, what failed in full, and the verdict."""
    if result.nodes:
        print_table(console, table(result))
    if result.message:
        console.print(Text(result.message, "red"), soft_wrap=True)
    verdict = "done" if result.success else "FAILED"
    console.print(Text(f"{result.operation}: {verdict} in {result.elapsed:.1f} s"), soft_wrap=True)


def print_status(console: Console, status: ClusterStatus) -> None:
    """The table, and what is wrong in words."""
    print_table(console, status_table(status.nodes, status.supervisor))
    for name, said in status.supervisor.items():
        if said["reason"]:
            console.print(Text(f"{name}: {said['state']}: {said['reason']}", "yellow"), soft_wrap=True)
    if status.troubles:
        print_table(console, incident_table(status.troubles))
    for warning in status.warnings:
        console.print(Text(warning, "yellow"), soft_wrap=True)
    for node in status.nodes:
        if node.problem:
            console.print(Text(node.problem, "red"), soft_wrap=True)
    for stranger in status.strangers:
        warning = f"{stranger}: Ray calls it ALIVE, but the configuration does not know it"
        console.print(Text(warning, "yellow"), soft_wrap=True)
