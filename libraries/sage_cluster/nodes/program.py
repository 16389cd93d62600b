"""What runs on a node: the modules of `sage_cluster.on_node` as one program for the node's own Python.

Their source goes to it on standard input, so nothing is installed there.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files

MODULES = (
    "sessions",
    "environment",
    "versions",
    "deploy_environ",
    "gcs_storage",
    "turn",
    "ports",
    "http_get",
    "stop",
    "start",
    "ray_view",
    "head",
    "probe",
    "logs",
    "watch",
    "main",
)
ANSWER = "sage-cluster-answer:"
READ_PROGRAM = """
import os, sys
size, program = int(sys.argv.pop(1)), b""
while len(program) < size:
    part = os.read(0, size - len(program))
    if not part:
        sys.exit(f"the controller was gone when {len(program)} of {size} bytes of the program had come")
    program += part
exec(program)
"""
"""Reads the program from standard input and leaves the rest of it to the program."""
LOADER = """
import sys, types
for name in ("sage_cluster", "sage_cluster.on_node"):
    sys.modules[name] = types.ModuleType(name)
    sys.modules[name].__path__ = []
for name, source in {sources!r}:
    module = sys.modules[name] = types.ModuleType(name)
    exec(compile(source, name, "exec"), module.__dict__)
print({answer!r} + sys.modules["sage_cluster.on_node.main"].run(sys.argv[1], sys.argv[2]))
"""


@cache
def program() -> str:
    """The node-side modules as one Python program."""
    package = files("sage_cluster.on_node")
    sources = [(f"sage_cluster.on_node.{name}", package.joinpath(f"{name}.py").read_text("utf-8")) for name in MODULES]
    return LOADER.format(sources=sources, answer=ANSWER)
