"""What runs on a node: a function of `sage_cluster.on_node` with the modules it needs, as one Python program.

Their source goes to the node's own Python with the command line, so nothing is installed there, and a login script that
reads standard input takes nothing away. In single quotes the line means the same to every login shell: it is printable
ASCII, and where shells differ (backslashes, exclamation marks, single quotes) it has none.
"""

from __future__ import annotations

import json
import re
import zlib
from base64 import b64encode
from collections.abc import Callable, Mapping
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

from sage_cluster.on_node import main

ENTRY = main.__name__
PACKAGE = ENTRY.rpartition(".")[0]
ANSWER = "sage-cluster-answer:"
IMPORT = re.compile(rf"^from ({re.escape(PACKAGE)}[\w.]*) import (\([^)]*\)|.+)$", re.MULTILINE)
"""An import at the top of a module, not one for type checkers. Programs are made in many threads at once, where the ast
module of Python 3.11 raises SystemError now and then."""
WORDS = re.compile(r'^(?P<indent> *)"""(?P<text>[A-Z`].*?)"""$', re.MULTILINE | re.DOTALL)
"""A docstring, or a string that explains a name. It does not go to the node; the lines keep their numbers."""
LOADER = """
import sys, types
for name in {packages!r}:
    sys.modules[name] = types.ModuleType(name)
    sys.modules[name].__path__ = []
for name, source in {sources!r}:
    module = sys.modules[name] = types.ModuleType(name)
    package, _, last = name.rpartition(".")
    setattr(sys.modules[package], last, module)
    exec(compile(source, name, "exec"), module.__dict__)
main, command = sys.modules[{entry!r}], getattr(sys.modules[{command!r}], sys.argv[1])
main.say(main.run(command, sys.argv[2]), {answer!r} + sys.argv[3])
"""
UNPACK = 'import binascii,zlib;exec(zlib.decompress(binascii.a2b_base64("{packed}")))'
DIFFERS = {"\\\\": "\\u005c", "!": "\\u0021", "'": "\\u0027"}
"""How JSON says what shells take in different ways, though it stands in single quotes."""


def command_line(python: str, command: Callable[..., object], spec: Mapping[str, object], nonce: str) -> list[str]:
    """The words that run a function of `sage_cluster.on_node` there; its answer comes after ANSWER and the nonce."""
    told = json.dumps(spec)
    for character, escaped in DIFFERS.items():
        told = told.replace(character, escaped)
    return [python, "-I", "-S", "-c", program(command.__module__), command.__name__, told, nonce]


@cache
def program(command: str) -> str:
    """The program that runs a function of the module ``command``.

    Its arguments are the function's name, the specification as JSON, and a nonce that comes before the answer.
    """
    sources: dict[str, str] = {}
    for module in (ENTRY, command):
        _add(module, sources)
    packages = {name.rpartition(".")[0] for name in sources} | {PACKAGE.partition(".")[0]}
    text = LOADER.format(
        packages=sorted(packages), sources=list(sources.items()), command=command, entry=ENTRY, answer=ANSWER
    )
    return UNPACK.format(packed=b64encode(zlib.compress(text.encode(), 9)).decode())


def _add(module: str, sources: dict[str, str]) -> None:
    """Add a module's source after those of the modules it imports."""
    if module in sources:
        return
    source = _file(module).read_text("utf-8")
    for imported, listed in IMPORT.findall(source):
        names = [f"{imported}.{name}" for name in re.findall(r"\w+", listed)]
        for needed in [name for name in names if _file(name).is_file()] or [imported]:
            _add(needed, sources)
    sources[module] = WORDS.sub(lambda said: f'{said["indent"]}""' + "\n" * said["text"].count("\n"), source)


def _file(module: str) -> Traversable:
    *packages, name = module.removeprefix(f"{PACKAGE}.").split(".")
    return files(PACKAGE).joinpath(*packages, f"{name}.py")
