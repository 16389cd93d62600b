"""Which nodes are meant to run: what a person started and did not stop or remove. The supervisor keeps to it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path


class Membership:
    """The names of the wanted nodes, in a file beside the configuration. Changed only within an operation."""

    def __init__(self, config_path: Path) -> None:
        self._path = config_path.with_name(f".{config_path.name}.wanted")

    def wanted(self) -> frozenset[str]:
        """The names; none before the first start."""
        try:
            return frozenset(json.loads(self._path.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return frozenset()

    def want(self, names: Iterable[str]) -> None:
        """These nodes are to run from now on."""
        self._write(self.wanted() | set(names))

    def unwant(self, names: Iterable[str]) -> None:
        """These nodes are not to run any more."""
        self._write(self.wanted() - set(names))

    def _write(self, names: Iterable[str]) -> None:
        fresh = self._path.with_suffix(".new")
        fresh.write_text(json.dumps(sorted(names)), encoding="utf-8")
        fresh.replace(self._path)
