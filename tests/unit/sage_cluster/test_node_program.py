"""The program for a node: what is in it."""

from __future__ import annotations

import ast
import re
import sys
import zlib
from base64 import b64decode
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sage_cluster.nodes.program import program
from sage_cluster.on_node import head, logs, probe, start, stop, watch
from sage_cluster.on_node.deploy import deploy, facts


@pytest.mark.parametrize(
    ("command", "needed", "not_needed"),
    [
        (logs.read_log, "sessions", "environment"),
        (stop.stop, "node_lock", "start"),
        (start.start, "deploy.environ", "deploy.store"),
    ],
)
def test_only_what_a_command_needs_goes_to_the_node(
    command: Callable[..., object], needed: str, not_needed: str
) -> None:
    text = unpacked(program(command.__module__))
    assert f"sage_cluster.on_node.{needed}'" in text
    assert f"sage_cluster.on_node.{not_needed}'" not in text
    assert "protocol" not in [name.rpartition(".")[2] for name in sources(text)]


def test_a_module_comes_after_those_that_it_imports() -> None:
    names = sources(unpacked(program(head.start_head.__module__)))
    assert names.index("sage_cluster.on_node.sessions") < names.index("sage_cluster.on_node.stop")
    assert names.index("sage_cluster.on_node.start") < names.index("sage_cluster.on_node.head")
    assert len(names) == len(set(names))


def unpacked(text: str) -> str:
    packed = text.partition('a2b_base64("')[2].partition('")')[0]
    return zlib.decompress(b64decode(packed)).decode()


def sources(text: str) -> list[str]:
    return re.findall(r"\('(sage_cluster\.on_node[\w.]*)', ", text)


def test_many_threads_make_the_same_program() -> None:
    """With the ast module of Python 3.11 some of them failed."""
    program.cache_clear()
    modules = [start.start.__module__, head.start_head.__module__] * 20
    with ThreadPoolExecutor(max_workers=40) as threads:
        assert len(set(threads.map(program.__wrapped__, modules))) == len(set(modules))


@pytest.mark.parametrize(
    "command", [head.start_head, probe.probe, watch.watch, logs.read_log, deploy.deploy, facts.facts]
)
def test_a_program_goes_without_the_words_for_its_readers_and_is_the_same(command: Callable[..., object]) -> None:
    text = unpacked(program(command.__module__))
    sent = ast.literal_eval("[(" + text.partition(" in [(")[2].partition(")]:\n")[0] + ")]")
    assert len(sent) >= 5
    for name, source in sent:
        whole = Path(sys.modules[name].__file__ or "").read_text("utf-8")
        assert without_words(source) == without_words(whole), name
        assert source.count("\n") == whole.count("\n"), "a traceback would show the wrong line"
        assert len(source) < len(whole)


def without_words(source: str) -> str:
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            node.value.value = ""
    return ast.dump(tree)
