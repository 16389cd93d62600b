"""The entries of an inventory file, which remember their lines: an error names the file, the line and the key."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

import yaml

from sage_lab.errors import InventoryError, YamlFileError
from sage_lab.yaml_file import read_yaml

Choice = TypeVar("Choice", bound=str)


def read(path: Path) -> Entry:
    """The file's keys and values; raises InventoryError."""
    try:
        root, _ = read_yaml(path)
    except OSError as error:
        raise InventoryError(f"cannot be read: {error.strerror}", where=str(path), fix="check the path") from error
    except YamlFileError as error:
        raise InventoryError(error.what, where=error.where, fix=error.fix) from error
    return Entry(path, root)


class Entry:
    """One mapping of the file."""

    def __init__(self, path: Path, node: yaml.MappingNode) -> None:
        self._path = path
        self._line = node.start_mark.line + 1
        self._nodes: dict[str, yaml.Node] = {str(key.value): value for key, value in node.value}
        self._keys = {str(key.value): key for key, _ in node.value}

    def has(self, key: str) -> bool:
        """Whether the key is written here."""
        return key in self._nodes

    def only(self, known: Sequence[str]) -> None:
        """Raise InventoryError for a key that is none of these."""
        for name, key in self._keys.items():
            if name not in known:
                raise self._error(key, name, "is no key that is known here", f"known keys: {', '.join(known)}")

    def text(self, key: str, default: str | None = None) -> str:
        """The text of a key; raises InventoryError when there is none and no default."""
        value = self._value(key)
        if value is None and default is not None:
            return default
        if not isinstance(value, str) or not value.strip() or not value.isprintable():
            raise self.wrong(key, "is missing" if value is None else f"is {value!r}", "give a text")
        return value

    def number(self, key: str, default: int | None) -> int | None:
        """A whole number above 0, or the default when the key is not written."""
        value = self._value(key)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise self.wrong(key, f"is {value!r}", "give a whole number above 0")
        return value

    def choice(self, key: str, choices: tuple[Choice, ...], default: Choice) -> Choice:
        """One of the choices."""
        value = self.text(key, default)
        for choice in choices:
            if value == choice:
                return choice
        raise self.wrong(key, f"is {value!r}", f"use {', '.join(choices)}")

    def local_path(self, key: str, default: str | None = None) -> str:
        """A path of this machine, absolute: below the file's directory unless it begins with / or ~."""
        return str(self._path.resolve().parent / Path(self.text(key, default)).expanduser())

    def entries(self, key: str) -> list[Entry]:
        """A list of mappings."""
        node = self._nodes.get(key)
        if not isinstance(node, yaml.SequenceNode) or not node.value:
            raise self.wrong(key, "is missing or no list", "write '- name: head' below it, a machine an entry")
        for item in node.value:
            if not isinstance(item, yaml.MappingNode):
                raise self._error(item, key, "has an entry without keys", "write '- name: worker-1'")
        return [Entry(self._path, item) for item in node.value]

    def wrong(self, key: str, what: str, fix: str) -> InventoryError:
        """The error for a key, with the line of its value, or of this mapping when it is not written."""
        return self._error(self._nodes.get(key), key, what, fix)

    def _value(self, key: str) -> Any:  # noqa: ANN401 - what YAML makes of it
        node = self._nodes.get(key)
        if node is None:
            return None
        return yaml.SafeLoader("").construct_object(node, deep=True)

    def _error(self, node: yaml.Node | None, key: str, what: str, fix: str) -> InventoryError:
        line = node.start_mark.line + 1 if node is not None else self._line
        return InventoryError(f"{key} {what}", where=f"{self._path}, line {line}, {key}", fix=fix)
