"""What every command is given, and how an operation is run and shown."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

import click
from rich.console import Console
from rich.text import Text

from sage_cluster.cli.console import Progress, print_json, print_result, print_table, status_table
from sage_cluster.cluster_manager import ClusterManager
from sage_cluster.config_manager import ConfigManager
from sage_cluster.errors import SageError
from sage_cluster.model import NodeStatus, OperationResult

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Call:
    """What every command gets: the configuration's path, the output form and how long to wait for others."""

    config: Path | None
    as_json: bool
    wait: float

    def manager(self, report: Callable[[str, str], None] | None = None) -> ClusterManager:
        """The managers for this call."""
        config = ConfigManager(self.config)
        return ClusterManager(config, report=report) if report else ClusterManager(config)


class Seconds(click.ParamType[float]):
    """A number of seconds from 0; "nan" and "inf" are none, though Python reads them."""

    name = "seconds"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:  # noqa: ANN401
        """The number. Raises BadParameter."""
        try:
            seconds = float(value)
        except ValueError:
            seconds = math.nan
        if not math.isfinite(seconds) or seconds < 0:
            self.fail(f"{value!r} is not a number of seconds from 0.", param, ctx)
        return seconds


class Command(click.Group):
    """Prints a SageError as text, without a traceback, and ends with status 1."""

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401
        """Run the command."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            raise  # whoever read the output has enough of it: click ends quietly
        except (SageError, ValueError, OSError) as error:
            Console(stderr=True).print(Text(_told(error), "red"), soft_wrap=True)
            ctx.exit(1)


def _told(error: Exception) -> str:
    if isinstance(error, SageError) or not isinstance(error, OSError):
        return str(error)
    reason = error.strerror or type(error).__name__
    return str(SageError(reason, where=str(error.filename or ""), fix="check the path and its rights, then try again"))


def ask(call: Call, question: Callable[[ClusterManager], Answer]) -> Answer:
    """What the managers answer; the connections are closed afterwards."""
    manager = call.manager()
    try:
        return question(manager)
    finally:
        manager.close()


def operate(
    call: Call,
    work: Callable[[ClusterManager], OperationResult],
    show: Callable[[Console, OperationResult], None] = print_result,
) -> None:
    """Run an operation with live progress, show its result, and end with its exit status."""
    console = Console(stderr=call.as_json)
    with Progress(console) as progress:
        manager = call.manager(progress)
        try:
            result = work(manager)
        finally:
            manager.close()
    if call.as_json:
        print_json(result.to_dict())
    else:
        show(console, result)
    sys.exit(0 if result.success else 1)


def show_nodes(call: Call, question: Callable[[ClusterManager], list[NodeStatus]]) -> None:
    """Print the status of nodes; exit status 1 unless all run."""
    nodes = ask(call, question)
    if call.as_json:
        print_json([asdict(node) for node in nodes])
    else:
        print_table(Console(), status_table(tuple(nodes)))
    sys.exit(0 if all(node.state == "running" for node in nodes) else 1)
