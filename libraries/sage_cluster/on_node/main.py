"""The entrance on a node: one command, one specification, one answer, both as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

from sage_cluster.on_node.environment import EnvironmentNotFoundError
from sage_cluster.on_node.gcs_storage import StorageNotSupportedError
from sage_cluster.on_node.head import start_head
from sage_cluster.on_node.logs import LogNotFoundError, read_log
from sage_cluster.on_node.probe import probe
from sage_cluster.on_node.ray_view import RayDoesNotAnswerError, await_raylet_end, dashboard, drain, ray_view
from sage_cluster.on_node.start import StartError, start
from sage_cluster.on_node.stop import kill_raylet, stop
from sage_cluster.on_node.turn import TurnNotFreeError, turn
from sage_cluster.on_node.versions import VersionMismatchError
from sage_cluster.on_node.watch import watch

COMMANDS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "await_raylet_end": await_raylet_end,
    "dashboard": dashboard,
    "drain": drain,
    "kill_raylet": kill_raylet,
    "probe": probe,
    "ray_view": ray_view,
    "read_log": read_log,
    "start": start,
    "start_head": start_head,
    "stop": stop,
    "watch": watch,
}
FORESEEN = (
    EnvironmentNotFoundError,
    LogNotFoundError,
    RayDoesNotAnswerError,
    StartError,
    StorageNotSupportedError,
    TurnNotFreeError,
    VersionMismatchError,
)
CHANGES = ("start", "start_head", "stop")


def answer(command: str, spec: dict[str, Any]) -> dict[str, Any]:
    """Run one command. A foreseen problem becomes ``{"problem": text, "kind": name}``; any other is raised."""
    try:
        with turn(spec["temp_dir"]) if command in CHANGES else nullcontext():
            return COMMANDS[command](spec)
    except FORESEEN as error:
        return {"problem": str(error), "kind": type(error).__name__}


def run(command: str, specification: str) -> str:
    """As `answer`, JSON in and JSON out."""
    return json.dumps(answer(command, json.loads(specification)))
