"""Read a configuration's YAML text safely: plain data only, and nothing that costs more than it shows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from yaml.constructor import SafeConstructor
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from sage_cluster.errors import ConfigError

MAX_DEPTH = 50
MAX_NODES = 100_000
MAX_CHARACTERS = 100
"""Of a value that is no text: a number of a million digits takes minutes to read."""

_TAG = "tag:yaml.org,2002:"
_PLAIN_TAGS = frozenset(
    _TAG + name for name in ("str", "int", "float", "bool", "null", "seq", "map", "merge", "timestamp")
)
_MERGE = f"{_TAG}merge"

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
    where = str(path)
    root, data = _read(where, text)
    if root is None:
        return Document(text, {}, None, {})
    if not isinstance(root, MappingNode):
        what = f"is a {_shown_tag(root)} at the top level"
        raise _refusal(where, what, root.start_mark.line + 1, expected="sections such as 'head:'")
    return Document(text, data, root, dict(_lines(root)))


def parse_value(key: str, text: str) -> Any:  # noqa: ANN401 - any value that YAML can hold
    """Read one value, given for ``key``, as YAML: plain data only. Raises ConfigError with key and line."""
    try:
        return _read(key, text)[1]
    except ConfigError as error:
        error.fix = "give a plain value, in quotes where it is a text"
        raise


def _read(where: str, text: str) -> tuple[Node | None, Any]:
    """The graph of a text and its data; no graph where it is empty."""
    try:
        root = _compose(text)
        if root is None:
            return None, None
        _refuse_surprises(where, root)
        # Construction merges "<<" into the nodes it is given; the graph for edits must stay as written.
        return root, _Loader("").construct_document(_compose(text))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = " ".join(filter(None, (error.context, error.problem)))
        raise _refusal(where, f"is not valid YAML: {problem}", mark.line + 1 if mark else 1) from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, int(error.position)) + 1
        raise _refusal(where, f"has a character that YAML forbids: {error.reason}", line) from error


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


def _refusal(where: str, what: str, line: int, *, expected: str = "one YAML mapping of plain values") -> ConfigError:
    return ConfigError(f"{what}; expected {expected}", where=f"{where}:{line}", fix="correct the file at that line")


def _refuse_surprises(where: str, root: Node) -> None:
    size, height = _expanded(where, root, {}, set())
    if size > MAX_NODES:
        raise _refusal(where, f"has more than {MAX_NODES} nodes once its aliases are expanded", 1)
    if height > MAX_DEPTH:
        raise _refusal(where, f"has more than {MAX_DEPTH} levels once its aliases are expanded", 1)


def _expanded(where: str, node: Node, known: dict[int, tuple[int, int]], open_nodes: set[int]) -> tuple[int, int]:
    """How many nodes and levels there are, aliases expanded. A node is visited once: a bomb costs nothing."""
    if id(node) in known:
        return known[id(node)]
    line = node.start_mark.line + 1
    if id(node) in open_nodes:
        raise _refusal(where, "has an alias inside the value that it stands for", line)
    if node.tag not in _PLAIN_TAGS:
        raise _refusal(where, f"has the tag {_shown_tag(node)}", line, expected="plain values only")
    open_nodes.add(id(node))
    children: list[Node] = []
    if isinstance(node, MappingNode):
        _refuse_unusable_keys(where, node)
        children = [key for key, _ in node.value if key.tag != _MERGE] + [value for _, value in node.value]
    elif isinstance(node, SequenceNode):
        children = node.value
    elif isinstance(node, ScalarNode) and node.tag != f"{_TAG}str":
        _refuse_unreadable(where, node)
    below = [_expanded(where, child, known, open_nodes) for child in children]
    open_nodes.discard(id(node))
    known[id(node)] = (
        1 + sum(size for size, _ in below),
        1 + max((height for _, height in below), default=0),
    )
    return known[id(node)]


def _refuse_unreadable(where: str, node: ScalarNode) -> None:
    """PyYAML's own constructors fail in many ways on a value that its tag cannot make (`!!bool maybe`)."""
    reason: Exception | None = None
    if len(node.value) <= MAX_CHARACTERS:
        try:
            SafeConstructor().construct_object(node)
        except (ValueError, LookupError, AttributeError, OverflowError, yaml.YAMLError) as error:
            reason = error
        else:
            return
    shown = repr(node.value[:MAX_CHARACTERS])
    what = f"has {shown}, which cannot be read as {_shown_tag(node)}"
    expected = "a value of that kind, or quotes around a text"
    raise _refusal(where, what, node.start_mark.line + 1, expected=expected) from reason


def _shown_tag(node: Node) -> str:
    tag: str = node.tag
    return tag.replace(_TAG, "!!")


def _refuse_unusable_keys(where: str, node: MappingNode) -> None:
    first: dict[tuple[str, str], int] = {}
    for key, _ in node.value:
        line = key.start_mark.line + 1
        if not isinstance(key, ScalarNode):
            raise _refusal(where, f"has a {_shown_tag(key)} as a key", line, expected="a plain value as a key")
        if (key.tag, key.value) in first:
            before = first[key.tag, key.value]
            raise _refusal(where, f"has the key '{key.value}' twice, first in line {before}", line, expected="it once")
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
