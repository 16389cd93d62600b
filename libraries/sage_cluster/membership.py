"""Which nodes are meant to run: what a person started and did not stop or remove. The supervisor keeps to it."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple


class Start(NamedTuple):
    """Who wanted a node last, and when on the monotonic clock, in seconds."""

    pid: int
    at: float


class Membership:
    """The names of the wanted nodes, in a file beside the configuration. Changed only within an operation."""

    def __init__(self, config_path: Path) -> None:
        self._path = config_path.with_name(f".{config_path.name}.wanted")

    def wanted(self) -> frozenset[str]:
        """The names; none before the first start."""
        return frozenset(self.starts())

    def starts(self) -> dict[str, Start]:
        """The wanted nodes with their last start, by name."""
        try:
            known = json.loads(self._path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        if isinstance(known, list):  # as it was written before starts were kept
            return dict.fromkeys(known, Start(0, 0.0))
        return {name: Start(*start) for name, start in known.items()}

    def want(self, names: Iterable[str]) -> None:
        """These nodes are to run from now on."""
        start = Start(os.getpid(), time.monotonic())
        self._write({**self.starts(), **dict.fromkeys(names, start)})

    def unwant(self, names: Iterable[str]) -> None:
        """These nodes are not to run any more."""
        gone = set(names)
        self._write({name: start for name, start in self.starts().items() if name not in gone})

    def _write(self, starts: Mapping[str, Start]) -> None:
        fresh = self._path.with_suffix(".new")
        fresh.write_text(json.dumps(starts, sort_keys=True), encoding="utf-8")
        fresh.replace(self._path)
