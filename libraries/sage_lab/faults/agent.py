"""The node-side agent: runs a function of ``sage_lab.faults.on_node`` on a node, over ``Lab.run``.

The source of its module, and of those that it imports, goes to the node's Python on standard input, so nothing is
installed there, and the answer comes back as one line of JSON.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import Any

from sage_lab.faults.errors import NodeRefusedError
from sage_lab.faults.on_node import main, network_faults, observe
from sage_lab.lab import Lab

Work = Callable[[dict[str, Any]], dict[str, Any]]
"""A function of ``on_node``: an order in, an answer out, both plain values."""
ANSWER = "sage-lab-answer:"
TIMEOUT = 30.0
_PACKAGE = main.__name__.rpartition(".")[0]
_IMPORT = re.compile(rf"^from {re.escape(_PACKAGE)}(\.\w+)? import (.+)$", re.MULTILINE)
_LOADER = """
import sys, types
for name in {packages!r}:
    sys.modules[name] = types.ModuleType(name)
    sys.modules[name].__path__ = []
for name, source in {sources!r}:
    package, _, last = name.rpartition(".")
    module = sys.modules[name] = types.ModuleType(name)
    setattr(sys.modules[package], last, module)
    exec(compile(source, name, "exec"), module.__dict__)
module, _, work = sys.argv[1].rpartition(".")
print({answer!r} + sys.modules[{main!r}].run(getattr(sys.modules[module], work), sys.argv[2]))
"""


def ask(
    lab: Lab, node: str, work: Work, order: dict[str, Any], *, needs: str = "", timeout: float = TIMEOUT
) -> dict[str, Any]:
    """Let the node do one piece of work as root, and return its answer; ``needs`` is a module that the order names.

    Raises NodeRefusedError with the node's own words, or what ``Lab.run`` raises.
    """
    argv = [lab.node(node).python, "-I", "-S", "-", f"{work.__module__}.{work.__name__}", json.dumps(order)]
    done = lab.run(node, argv, timeout=timeout, stdin=program(work.__module__, needs))
    for line in done.stdout.splitlines():
        if line.startswith(ANSWER):
            answer: dict[str, Any] = json.loads(line[len(ANSWER) :])
            if "problem" in answer:
                raise NodeRefusedError(answer["problem"], where=node)
            return answer
    said = (done.stderr or done.stdout).strip()[-2000:]
    raise NodeRefusedError(
        f"'{work.__name__}' ended with status {done.returncode} and no answer: {said}",
        where=node,
        fix="see whether the node can start processes: 'sage-lab faults active' lists what is broken on purpose",
    )


@cache
def program(*modules: str) -> str:
    """The program for a node that holds these modules, and the modules of the package that they import."""
    sources: dict[str, str] = {}
    for module in filter(None, (main.__name__, *modules)):
        _add(module, sources)
    parts = _PACKAGE.split(".")
    packages = [".".join(parts[:end]) for end in range(1, len(parts) + 1)]
    return _LOADER.format(packages=packages, sources=list(sources.items()), answer=ANSWER, main=main.__name__)


def _add(module: str, sources: dict[str, str]) -> None:
    """Add a module's source after those of the modules that it imports."""
    if module in sources:
        return
    source = inspect.getsource(import_module(module))
    for imported, names in _IMPORT.findall(source):
        for needed in [imported] if imported else [f".{name.strip()}" for name in names.split(",")]:
            _add(_PACKAGE + needed, sources)
    sources[module] = source


def cluster_processes(lab: Lab, node: str) -> list[tuple[int, str]]:
    """Pid and program of each process of the cluster's user on a node, without SSH's own. Raises what `ask` does."""
    found = ask(lab, node, observe.cluster_processes, {})["processes"]
    return [(pid, name) for pid, name in found]


def _needs_of_kernel(what: str) -> Callable[[Lab], str]:
    """A check whether the nodes' kernel has ``netem`` or ``nftables``, tried once on the first node that runs."""
    tried: dict[str, str] = {}

    def check(lab: Lab) -> str:
        if lab.name not in tried:
            running = next((node.name for node in lab.nodes if node.health().state == "running"), "")
            if not running:
                return "no node runs on which it could be tried"
            tried[lab.name] = str(ask(lab, running, network_faults.try_kernel, {"what": what})["refused"])
        return f"this kernel has no {what} ({tried[lab.name]})" if tried[lab.name] else ""

    return check


needs_netem = _needs_of_kernel("netem")
needs_nftables = _needs_of_kernel("nftables")
