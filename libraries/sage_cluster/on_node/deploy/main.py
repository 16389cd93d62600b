"""The entry point of a deployment on a node: one command, one specification, one answer, both as JSON."""

from __future__ import annotations

import errno
import json
from collections.abc import Callable
from typing import Any

from sage_cluster.on_node.deploy.talk import Talk
from sage_cluster.on_node.errors import CannotError


def run(command: Callable[[Any, Talk], Any], specification: str) -> str:
    """Run one command. A foreseen problem becomes ``{"problem": text}``; any other is raised."""
    talk = Talk()
    try:
        with talk.beating():
            return json.dumps(command(json.loads(specification), talk))
    except CannotError as error:
        return json.dumps({"problem": str(error)})
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return json.dumps({"problem": f"the disk is full ({error.filename or error.strerror}); make room"})
        return json.dumps({"problem": f"{error.filename or 'this node'}: {error.strerror or error}"})
