"""Change values in YAML text and leave every other byte alone: comments, order, quotes, spacing.

The places to change come from the marks of PyYAML's node graph. The caller compares what the new text says
with what it wanted: text that cannot be changed in place (a value behind an alias) shows there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path, PurePath
from typing import Any

import yaml
from yaml.nodes import CollectionNode, MappingNode, Node, ScalarNode, SequenceNode

from sage_cluster.errors import ConfigError

_MERGE = "tag:yaml.org,2002:merge"
_WIDE = 1 << 30


def same(one: object, other: object) -> bool:
    """Whether two plain values are equal in type too: 1 is not true."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(value, other[key]) for key, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other


def plain(value: Any, path: Path) -> Any:  # noqa: ANN401 - any value that YAML can hold
    """The value made of dict, list and scalars alone, as a file gives it back. Raises ConfigError."""
    if isinstance(value, Mapping):
        return {key: plain(inner, path) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner, path) for inner in value]
    if isinstance(value, PurePath):
        return str(value)
    if value is None or type(value) in {str, bool, int, float, date, datetime}:
        return value
    raise ConfigError(
        f"{value!r} is a {type(value).__name__}, expected text, a number, a switch, a date, a list or a mapping",
        where=str(path),
        fix="give a plain value",
    )


def edit(text: str, root: Node | None, old: dict[Any, Any], new: dict[Any, Any]) -> str:
    """The text with ``new`` in the place of ``old``; ``root`` is the graph of the text, None when empty."""
    editor = _Editor(text)
    if root is None:
        editor.insert_at_end(_block(new, editor.newline) if new else "")
    else:
        editor.change(root, old, new, colon=None)
    return editor.result()


@dataclass
class _Editor:
    text: str
    splices: list[tuple[int, int, str]] = field(default_factory=list)

    @property
    def newline(self) -> str:
        return "\r\n" if "\r\n" in self.text else "\n"

    def result(self) -> str:
        text = self.text
        # From the end on; of two pieces for one place, the one found first stands first.
        ordered = sorted(enumerate(self.splices), key=lambda item: (*item[1][:2], item[0]), reverse=True)
        for _, (start, end, piece) in ordered:
            text = text[:start] + piece + text[end:]
        return text

    def change(self, node: Node, old: object, new: object, *, colon: int | None, in_flow: bool = False) -> None:
        """``colon`` is where the node's key ends, colon included; None for list items and the top level.

        ``in_flow`` says that the node stands between brackets, where a comma ends a plain text.
        """
        if same(old, new):
            return
        if isinstance(node, MappingNode) and isinstance(old, dict) and isinstance(new, dict):
            self._change_mapping(node, old, new, colon)
        elif isinstance(node, SequenceNode) and isinstance(old, list) and isinstance(new, list):
            self._change_sequence(node, old, new, colon)
        else:
            self._replace(node, new, colon, in_flow=in_flow)

    def insert_at_end(self, block: str) -> None:
        gap = self.newline if self.text and not self.text.endswith("\n") else ""
        self.splices.append((len(self.text), len(self.text), gap + block + self.newline if block else ""))

    def _change_mapping(self, node: MappingNode, old: dict[Any, Any], new: dict[Any, Any], colon: int | None) -> None:
        keys = yaml.SafeLoader("")
        # What "<<" brings in is written elsewhere; the key itself stays.
        named = [(None if key.tag == _MERGE else keys.construct_object(key), key, value) for key, value in node.value]
        written = {name for name, key, _ in named if key.tag != _MERGE}
        kept = [key.tag == _MERGE or name in new for name, key, _ in named]
        if not any(kept) and not (node.value == [] and node.flow_style):
            self._replace(node, new, colon)
            return
        for name, key, value in named:
            if key.tag != _MERGE and name in new:
                colon = self.text.find(":", key.end_mark.index) + 1
                self.change(value, old[name], new[name], colon=colon, in_flow=bool(node.flow_style))
        spans = [(key.start_mark.index, self._end(value)) for _, key, value in named]
        self._remove(spans, kept, flow=bool(node.flow_style))
        added = {
            name: value
            for name, value in new.items()
            if name not in written and not (name in old and same(old[name], value))
        }
        if added and node.flow_style:
            self._insert_in_flow(node, spans, _flow(added)[1:-1])
        elif added:
            indent = " " * node.value[0][0].start_mark.column
            self._insert_lines(max(end for _, end in spans), _block(added, self.newline + indent), indent)

    def _change_sequence(self, node: SequenceNode, old: list[Any], new: list[Any], colon: int | None) -> None:
        items: list[Node] = node.value
        if len(old) == len(new):
            for item, was, will in zip(items, old, new, strict=True):
                self.change(item, was, will, colon=None, in_flow=bool(node.flow_style))
            return
        # Keep the items that come again in the same order; what is left of the new list is added behind them.
        kept, following = [], 0
        for was in old:
            kept.append(following < len(new) and same(was, new[following]))
            following += kept[-1]
        if not any(kept) and not (items == [] and node.flow_style):
            self._replace(node, new, colon)
            return
        if node.flow_style:
            spans = [(item.start_mark.index, self._end(item)) for item in items]
            self._remove(spans, kept, flow=True)
            if new[following:]:
                self._insert_in_flow(node, spans, _flow(new[following:])[1:-1])
            return
        dashes = [self.text.rfind("-", 0, item.start_mark.index) for item in items]
        self._remove([(dash, self._end(item)) for dash, item in zip(dashes, items, strict=True)], kept, flow=False)
        last = items[-1]
        gap = self.text[dashes[-1] + 1 : last.start_mark.index]
        gap = gap if gap and gap.strip(" ") == "" else " "
        indent = " " * (dashes[-1] - self._line_start(dashes[-1]))
        compact = isinstance(last, CollectionNode) and last.flow_style
        for value in new[following:]:
            inner = self.newline + indent + " " * (1 + len(gap))
            block = _flow(value) if compact else _block(value, inner)
            self._insert_lines(self._end(last), f"-{gap}{block}", indent)

    def _replace(self, node: Node, new: object, colon: int | None, *, in_flow: bool = False) -> None:
        start, end = node.start_mark.index, self._end(node)
        if isinstance(node, CollectionNode) and not node.flow_style:
            alike = isinstance(new, dict) if isinstance(node, MappingNode) else isinstance(new, list)
            if (new and alike) or colon is None:
                inner = self.newline + " " * (start - self._line_start(start))
                self.splices.append((start, end, _block(new, inner)))
            else:
                # The value's lines go; the new value stands behind the key, before any comment there.
                self.splices.append((colon, colon, " " + _flow(new)))
                self._remove([(start, end)], [False], flow=False)
            return
        if start == end and colon is not None and not in_flow and isinstance(new, dict) and new:
            line = self.text[self._line_start(colon) : colon]
            indent = " " * (len(line) - len(line.lstrip(" -")) + 2)
            self._insert_lines(colon, _block(new, self.newline + indent), indent)
            return
        style = node.style if isinstance(node, ScalarNode) and node.style in ("'", '"') else None
        piece = _scalar(new, style) if isinstance(new, str) and (style or not in_flow) else _flow(new)
        self.splices.append((start, end, f" {piece}" if start == end and colon is not None else piece))

    def _remove(self, spans: list[tuple[int, int]], kept: list[bool], *, flow: bool) -> None:
        for index, (start, end) in enumerate(spans):
            if kept[index]:
                continue
            if flow and any(kept[:index]):
                start = spans[index - 1][1]  # noqa: PLW2901 - the separator before it goes too
            elif flow and index + 1 < len(spans):
                end = spans[index + 1][0]  # noqa: PLW2901 - the separator behind it goes too
            elif not flow:
                start, end = self._whole_lines(start, end, spans[index + 1 :])  # noqa: PLW2901
            self.splices.append((start, end, ""))

    def _whole_lines(self, start: int, end: int, later: list[tuple[int, int]]) -> tuple[int, int]:
        line = self._line_start(start)
        if self.text[line:start].strip(" "):
            # It shares its line with a dash: what follows takes its place.
            return start, later[0][0] if later else end
        stop = self.text.find("\n", end)
        if stop >= 0:
            return line, stop + 1
        gap = len(self.newline) if line else 0
        return line - gap, len(self.text)

    def _insert_in_flow(self, node: CollectionNode, spans: list[tuple[int, int]], piece: str) -> None:
        if not spans:
            place = node.end_mark.index - 1
            self.splices.append((place, place, piece))
            return
        gap = self.text[spans[-2][1] : spans[-1][0]] if len(spans) > 1 else ""
        separator = gap if re.fullmatch(r",\s*", gap) else ", "
        place = spans[-1][1]
        self.splices.append((place, place, separator + piece))

    def _insert_lines(self, after: int, block: str, indent: str) -> None:
        stop = self.text.find("\n", after)
        place = len(self.text) if stop < 0 else stop - len(self.newline) + 1
        self.splices.append((place, place, self.newline + indent + block))

    def _end(self, node: Node) -> int:
        """Where a node's own text ends; a block collection's mark lies behind the comments that follow it."""
        if isinstance(node, MappingNode) and not node.flow_style:
            return max(self._end(value) for _, value in node.value)
        if isinstance(node, SequenceNode) and not node.flow_style:
            return max(self._end(item) for item in node.value)
        end: int = node.end_mark.index
        if isinstance(node, ScalarNode) and node.style in ("|", ">"):
            return len(self.text[:end].rstrip())
        return end

    def _line_start(self, index: int) -> int:
        return self.text.rfind("\n", 0, index) + 1


def _flow(value: object) -> str:
    text: str = yaml.safe_dump([value], default_flow_style=True, width=_WIDE, allow_unicode=True, sort_keys=False)
    return text.strip()[1:-1]


def _scalar(value: str, style: str | None) -> str:
    text: str = yaml.safe_dump(value, default_style=style, width=_WIDE, allow_unicode=True)
    return text.removesuffix("\n").removesuffix("\n...")


def _block(value: object, newline: str) -> str:
    """Block style; each further line begins with ``newline``, which holds the indentation."""
    if not isinstance(value, dict | list) or not value:
        return _flow(value)
    text: str = yaml.safe_dump(value, default_flow_style=False, width=_WIDE, allow_unicode=True, sort_keys=False)
    return text.rstrip("\n").replace("\n", newline)
