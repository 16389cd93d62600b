"""The entrance on a node: one command, one specification, one answer, both as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from sage_cluster.on_node.environment import EnvironmentNotFoundError
from sage_cluster.on_node.logs import LogNotFoundError, read_log
from sage_cluster.on_node.probe import probe
from sage_cluster.on_node.ray_view import RayDoesNotAnswerError, await_raylet_end, dashboard, drain, ray_view
from sage_cluster.on_node.start import StartError, start
from sage_cluster.on_node.stop import kill_raylet, stop
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
    "stop": stop,
    "watch": watch,
}


def answer(command: str, spec: dict[str, Any]) -> dict[str, Any]:
    """Run one command. A foreseen problem becomes ``{"problem": text, "kind": name}``; any other is raised."""
    try:
        return COMMANDS[command](spec)
    except (StartError, EnvironmentNotFoundError, RayDoesNotAnswerError, LogNotFoundError) as error:
        return {"problem": str(error), "kind": type(error).__name__}


def run(command: str, specification: str) -> str:
    """As `answer`, JSON in and JSON out."""
    return json.dumps(answer(command, json.loads(specification)))
