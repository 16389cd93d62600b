"""The entry point on a node: one command, one specification, one answer, both as JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

from sage_cluster.on_node.errors import CannotError


def answer(command: Callable[[Any], Any], spec: Any) -> Any:  # noqa: ANN401 - the types of the wire are the command's
    """Run one command. A CannotError becomes ``{"problem": text, "kind": name}``; any other error is raised."""
    try:
        return command(spec)
    except CannotError as error:
        return {"problem": str(error), "kind": type(error).__name__}


def run(command: Callable[[Any], Any], specification: str) -> str:
    """As `answer`, JSON in and JSON out."""
    return json.dumps(answer(command, json.loads(specification)))


def say(said: str, frame: str) -> None:
    """Say something to the controller, which finds it by the ``frame``: one line, in one piece."""
    sys.stdout.write(f"{frame}{said}\n")
    sys.stdout.flush()
