"""Read a configuration's YAML text safely: plain data only, and nothing that costs more than it shows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from sage_cluster.errors import ConfigError

MAX_DEPTH = 50
MAX_NODES = 100_000

_TAG = "tag:yaml.org,2002:"
_PLAIN_TAGS = frozenset(
    _TAG + name for name in ("str", "int", "float", "bool", "null", "seq", "map", "merge", "timestamp")
)

KeyPath = tuple[str | int, ...]


@dataclass(frozen=True)
class Document:
    """A file's text, its data, its node graph (None when empty), and the line (from 1) of each key."""

    text: str
    data: dict[Any, Any]
    root: Node | None
    lines: dict[KeyPath, int]

    def line_of(self, key: tuple[Any, ...]) -> int:
        """The line of a key, or of the nearest key around it."""
        while key and key not in self.lines:
            key = key[:-1]
        return self.lines.get(key, 1)


def parse(path: Path, text: str) -> Document:
    """Read the text of the file ``path``. Raises ConfigError with file and line."""
    try:
        root = _compose(text)
        if root is None:
            return Document(text, {}, None, {})
        _refuse_surprises(path, root)
        # Construction merges "<<" into the nodes it is given; the graph for edits must stay as written.
        loader = _Loader("")
        data = loader.construct_document(_compose(text))
    except ConfigError:
        raise
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = " ".join(filter(None, (error.context, error.problem)))
        raise _refusal(path, f"is not valid YAML: {problem}", mark.line + 1 if mark else 1) from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, int(error.position)) + 1
        raise _refusal(path, f"has a character that YAML forbids: {error.reason}", line) from error
    except (ValueError, OverflowError) as error:
        raise _refusal(path, f"has a value that cannot be read: {error}", 1) from error
    return Document(text, data, root, dict(_lines(root)))


def _compose(text: str) -> Node | None:
    loader = _Loader(text)
    try:
        root: Node | None = loader.get_single_node()
    finally:
        loader.dispose()
    empty = isinstance(root, ScalarNode) and root.value == "" and root.style is None
    return None if empty else root


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader that stops at deep nesting and at too many nodes."""

    depth = 0
    nodes = 0

    def compose_node(self, parent: Node | None, index: int) -> Node | None:
        self.depth += 1
        self.nodes += 1
        if self.depth > MAX_DEPTH or self.nodes > MAX_NODES:
            limit = f"more than {MAX_DEPTH} levels" if self.depth > MAX_DEPTH else f"more than {MAX_NODES} nodes"
            raise yaml.MarkedYAMLError(problem=limit, problem_mark=self.get_mark())
        try:
            return super().compose_node(parent, index)
        finally:
            self.depth -= 1


def _refusal(path: Path, what: str, line: int, *, expected: str = "one YAML mapping of plain values") -> ConfigError:
    return ConfigError(f"{what}; expected {expected}", where=f"{path}:{line}", fix="correct the file at that line")


def _refuse_surprises(path: Path, root: Node) -> None:
    if not isinstance(root, MappingNode):
        raise _refusal(
            path,
            f"is a {root.tag.replace(_TAG, '!!')} at the top level",
            root.start_mark.line + 1,
            expected="sections such as 'head:'",
        )
    size, height = _expanded(path, root, {}, set())
    if size > MAX_NODES:
        raise _refusal(path, f"has more than {MAX_NODES} nodes once its aliases are expanded", 1)
    if height > MAX_DEPTH:
        raise _refusal(path, f"has more than {MAX_DEPTH} levels once its aliases are expanded", 1)


def _expanded(path: Path, node: Node, known: dict[int, tuple[int, int]], open_nodes: set[int]) -> tuple[int, int]:
    """How many nodes and levels there are, aliases expanded. A node is visited once: a bomb costs nothing."""
    if id(node) in known:
        return known[id(node)]
    line = node.start_mark.line + 1
    if id(node) in open_nodes:
        raise _refusal(path, "has an alias inside the value that it stands for", line)
    if node.tag not in _PLAIN_TAGS:
        raise _refusal(path, f"has the tag {node.tag.replace(_TAG, '!!')}", line, expected="plain values only")
    open_nodes.add(id(node))
    children: list[Node] = []
    if isinstance(node, MappingNode):
        _refuse_unusable_keys(path, node)
        children = [child for pair in node.value for child in pair]
    elif isinstance(node, SequenceNode):
        children = node.value
    below = [_expanded(path, child, known, open_nodes) for child in children]
    open_nodes.discard(id(node))
    known[id(node)] = (
        1 + sum(size for size, _ in below),
        1 + max((height for _, height in below), default=0),
    )
    return known[id(node)]


def _refuse_unusable_keys(path: Path, node: MappingNode) -> None:
    first: dict[tuple[str, str], int] = {}
    for key, _ in node.value:
        line = key.start_mark.line + 1
        if not isinstance(key, ScalarNode):
            raise _refusal(
                path, f"has a {key.tag.replace(_TAG, '!!')} as a key", line, expected="a plain value as a key"
            )
        if (key.tag, key.value) in first:
            before = first[key.tag, key.value]
            raise _refusal(path, f"has the key '{key.value}' twice, first in line {before}", line, expected="it once")
        first[key.tag, key.value] = line


def _lines(node: Node, path: KeyPath = ()) -> Iterator[tuple[KeyPath, int]]:
    if isinstance(node, MappingNode):
        for key, value in node.value:
            yield (*path, key.value), key.start_mark.line + 1
            yield from _lines(value, (*path, key.value))
    elif isinstance(node, SequenceNode):
        for index, item in enumerate(node.value):
            yield (*path, index), item.start_mark.line + 1
            yield from _lines(item, (*path, index))
