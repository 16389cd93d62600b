"""What Ray's Python is on this node, and what is installed in it."""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING

from sage_cluster.on_node.deploy.channel import Channel, in_conversation
from sage_cluster.on_node.deploy.store import DeployError
from sage_cluster.on_node.environment import find_environment

if TYPE_CHECKING:
    from sage_cluster.on_node.protocol import Facts, NodeSpec

ANSWER = "sage-cluster-facts:"
ASK = """
import importlib.metadata, json, platform, sys
installed = {}
for one in importlib.metadata.distributions():
    if one.metadata["Name"]:
        installed.setdefault(one.metadata["Name"], one.version or "")
print({answer!r} + json.dumps({
    "python": platform.python_version(),
    "implementation": {"cpython": "cp", "pypy": "pp"}.get(sys.implementation.name, sys.implementation.name),
    "machine": platform.machine(),
    "libc": " ".join(platform.libc_ver()).strip(),
    "installed": sorted(installed.items()),
}))
""".replace("{answer!r}", repr(ANSWER))


@in_conversation
def facts(spec: NodeSpec, _channel: Channel) -> Facts:
    """``python``, ``implementation``, ``machine``, ``libc`` and ``installed`` (names and versions) of Ray's Python.

    Raises DeployError, EnvironmentNotFoundError.
    """
    environment = find_environment(spec["ray_command"], spec["python_path"], spec["conda_env"])
    environ = {name: value for name, value in {**os.environ, **environment.environ}.items() if name != "PYTHONPATH"}
    argv = [*environment.activate, environment.python, "-c", ASK]
    try:
        done = subprocess.run(
            argv, env=environ, stdin=subprocess.DEVNULL, capture_output=True, timeout=60, cwd="/", check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise DeployError(f"cannot ask {environment.python} for its version: {error}") from error
    for line in done.stdout.decode(errors="replace").splitlines():
        if line.startswith(ANSWER):
            answer: Facts = json.loads(line.removeprefix(ANSWER))
            return answer
    raise DeployError(f"{environment.python} ended with status {done.returncode}: {done.stderr.decode()[-2000:]}")
