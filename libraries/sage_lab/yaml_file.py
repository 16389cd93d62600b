"""Read a YAML file that a person wrote: plain data only, and each thing that is wrong with its line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from yaml.constructor import SafeConstructor

from sage_lab.errors import YamlFileError

MAX_BYTES = 1 << 20
MAX_DEPTH = 20
MAX_NODES = 20_000
MAX_CHARACTERS = 1000
"""Of a value: a number of a million digits takes minutes to read."""

_TAG = "tag:yaml.org,2002:"
_PLAIN_TAGS = frozenset(_TAG + name for name in ("str", "int", "float", "bool", "null", "seq", "map", "timestamp"))


def read_yaml(path: Path) -> tuple[yaml.MappingNode, dict[Any, Any]]:
    """The graph, which knows its lines, and the data of a file whose top level is a mapping.

    Raises YamlFileError with file and line; OSError where the file cannot be read.
    """
    if path.exists() and not path.is_file():  # to open a pipe would wait for its writer
        raise YamlFileError("is no regular file", where=str(path), fix="name a YAML file")
    with path.open("rb") as file:
        raw = file.read(MAX_BYTES + 1)
    if len(raw) > MAX_BYTES:
        raise YamlFileError(f"is larger than {MAX_BYTES} bytes", where=str(path), fix="check the path")
    try:
        text = raw.decode("utf-8")
        root = _Loader(text).get_single_node()
        if not isinstance(root, yaml.MappingNode):
            raise YamlFileError("holds no keys and values", where=f"{path}, line 1", fix="write 'key: value' lines")
        _check(root, set(), [0])
        data: dict[Any, Any] = SafeConstructor().construct_document(root)
    except UnicodeDecodeError as problem:
        line = raw.count(b"\n", 0, problem.start) + 1
        raise YamlFileError("is not UTF-8 text", where=f"{path}, line {line}", fix="save it as UTF-8") from problem
    except yaml.reader.ReaderError as problem:
        line = text.count("\n", 0, int(problem.position)) + 1
        raise YamlFileError(
            f"is not YAML: {problem.reason}", where=f"{path}, line {line}", fix="correct the file at that line"
        ) from problem
    except yaml.MarkedYAMLError as problem:
        mark = problem.problem_mark or problem.context_mark
        said = " ".join(filter(None, (problem.context, problem.problem)))
        where = f"{path}, line {mark.line + 1 if mark else 1}"
        if isinstance(problem, _NotPlainError):
            raise YamlFileError(f"has {said}", where=where, fix="write plain values at that line") from problem
        raise YamlFileError(f"is not YAML: {said}", where=where, fix="correct the file at that line") from problem
    return root, data


class _NotPlainError(yaml.MarkedYAMLError):
    """It is YAML, but not what a file for people needs."""

    def __init__(self, problem: str, mark: yaml.Mark) -> None:
        super().__init__(problem=problem, problem_mark=mark)


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader that stops at deep nesting, before Python's own limit does."""

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.depth >= MAX_DEPTH:
            raise _NotPlainError(f"more than {MAX_DEPTH} levels", self.get_mark())
        self.depth += 1
        try:
            return super().compose_node(parent, index)
        finally:
            self.depth -= 1


def _check(node: yaml.Node, around: set[int], seen: list[int]) -> None:
    """Raise MarkedYAMLError for what plain data does not have. Aliases are followed: a bomb ends at MAX_NODES."""
    seen[0] += 1
    problem = ""
    if seen[0] > MAX_NODES:
        problem = f"more than {MAX_NODES} values once its aliases are expanded"
    elif id(node) in around:
        problem = "an alias inside the value that it stands for"
    elif node.tag not in _PLAIN_TAGS:
        problem = f"the tag or key {node.tag.replace(_TAG, '!!')}, which is not for plain values"
    elif isinstance(node, yaml.ScalarNode):
        problem = _unreadable(node)
    if problem:
        raise _NotPlainError(problem, node.start_mark)
    around = {*around, id(node)}
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            _check(item, around, seen)
    elif isinstance(node, yaml.MappingNode):
        _check_keys(node)
        for key, value in node.value:
            _check(key, around, seen)
            _check(value, around, seen)


def _check_keys(node: yaml.MappingNode) -> None:
    known = set()
    for key, _ in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise _NotPlainError("a key that is no plain value", key.start_mark)
        if key.value in known:
            raise _NotPlainError(f"the key {key.value} twice", key.start_mark)
        known.add(key.value)


def _unreadable(node: yaml.ScalarNode) -> str:
    """PyYAML's own constructors fail in many ways on a value that its tag cannot make (`!!bool maybe`)."""
    if len(node.value) > MAX_CHARACTERS:
        return f"a value of more than {MAX_CHARACTERS} characters"
    try:
        SafeConstructor().construct_object(node)
    except (ValueError, LookupError, AttributeError, OverflowError, yaml.YAMLError):
        return f"{node.value!r}, which cannot be read as {node.tag.replace(_TAG, '!!')}"
    return ""
