"""The lab's hand on a node: runs the modules of ``sage_lab.faults.on_node`` there, over ``Lab.run``.

Their source goes to the node's Python on standard input, so nothing is installed there, and the answer comes
back as one line of JSON.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from importlib.resources import files
from typing import Any

from sage_lab.faults.errors import NodeRefusedError
from sage_lab.lab import Lab

MODULES = (
    "effect",
    "processes",
    "as_user",
    "sockets",
    "lease",
    "exchange",
    "knocking",
    "sshd",
    "process_faults",
    "network_faults",
    "ssh_faults",
    "disk_faults",
    "device_faults",
    "clock_faults",
    "resource_faults",
    "descriptor_faults",
    "environment_faults",
    "observe",
    "main",
)
"""In the order of their imports of each other."""
ANSWER = "sage-lab-answer:"
TIMEOUT = 30.0
_LOADER = """
import sys, types
for name in ("sage_lab", "sage_lab.faults", "sage_lab.faults.on_node"):
    sys.modules[name] = types.ModuleType(name)
    sys.modules[name].__path__ = []
for name, source in {sources!r}:
    module = sys.modules[name] = types.ModuleType(name)
    setattr(sys.modules["sage_lab.faults.on_node"], name.rpartition(".")[2], module)
    exec(compile(source, name, "exec"), module.__dict__)
print({answer!r} + sys.modules["sage_lab.faults.on_node.main"].run(sys.argv[1], sys.argv[2]))
"""


def ask(lab: Lab, node: str, verb: str, order: dict[str, Any], *, timeout: float = TIMEOUT) -> dict[str, Any]:
    """Let the node do one verb of ``on_node.main`` as root, and return its answer.

    Raises NodeRefusedError with the node's own words, or what ``Lab.run`` raises.
    """
    argv = [lab.node(node).python, "-I", "-S", "-", verb, json.dumps(order)]
    done = lab.run(node, argv, timeout=timeout, stdin=_program())
    for line in done.stdout.splitlines():
        if line.startswith(ANSWER):
            answer: dict[str, Any] = json.loads(line[len(ANSWER) :])
            if "problem" in answer:
                raise NodeRefusedError(answer["problem"], where=node)
            return answer
    raise NodeRefusedError(
        f"'{verb}' ended with status {done.returncode} and no answer: {(done.stderr or done.stdout).strip()[-2000:]}",
        where=node,
        fix="see whether the node can start processes: 'sage-lab faults active' lists what is broken on purpose",
    )


def cluster_processes(lab: Lab, node: str) -> list[tuple[int, str]]:
    """Pid and program of each process of the cluster's user on a node, without SSH's own. Raises what `ask` does."""
    return [(pid, program) for pid, program in ask(lab, node, "cluster-processes", {})["processes"]]


@cache
def _program() -> str:
    package = files("sage_lab.faults.on_node")
    sources = [
        (f"sage_lab.faults.on_node.{name}", package.joinpath(f"{name}.py").read_text("utf-8")) for name in MODULES
    ]
    return _LOADER.format(sources=sources, answer=ANSWER)


def _needs_of_kernel(what: str) -> Callable[[Lab], str]:
    """A check whether the nodes' kernel has ``netem`` or ``nftables``, tried once on the first node that runs."""
    tried: dict[str, str] = {}

    def check(lab: Lab) -> str:
        if lab.name not in tried:
            running = next((node.name for node in lab.status() if node.state == "running"), "")
            if not running:
                return "no node runs on which it could be tried"
            tried[lab.name] = str(ask(lab, running, "try-kernel", {"what": what})["refused"])
        return f"this kernel has no {what} ({tried[lab.name]})" if tried[lab.name] else ""

    return check


needs_netem = _needs_of_kernel("netem")
needs_nftables = _needs_of_kernel("nftables")
