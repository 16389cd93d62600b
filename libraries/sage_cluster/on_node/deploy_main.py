"""The entrance of the deployment's program on a node: one command, one specification, one answer, both as JSON."""

from __future__ import annotations

import errno
import json
from collections.abc import Callable
from typing import Any

from sage_cluster.on_node.deploy import deploy, rollback
from sage_cluster.on_node.deploy_facts import facts
from sage_cluster.on_node.deploy_store import DeployError
from sage_cluster.on_node.deploy_talk import Talk
from sage_cluster.on_node.environment import EnvironmentNotFoundError

COMMANDS: dict[str, Callable[[dict[str, Any], Talk], dict[str, Any]]] = {
    "deploy": deploy,
    "facts": facts,
    "rollback": rollback,
}


def run(command: str, specification: str) -> str:
    """Run one command. A foreseen problem becomes ``{"problem": text}``; any other is raised."""
    talk = Talk()
    try:
        with talk.beating():
            answer = COMMANDS[command](json.loads(specification), talk)
        return json.dumps(answer)
    except (DeployError, EnvironmentNotFoundError) as error:
        return json.dumps({"problem": str(error)})
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return json.dumps({"problem": f"the disk is full ({error.filename or error.strerror}); make room"})
        return json.dumps({"problem": f"{error.filename or 'this node'}: {error.strerror or error}"})
