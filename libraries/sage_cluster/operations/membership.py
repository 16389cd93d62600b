"""Which nodes are meant to run: what a person started and did not stop or remove. The supervisor keeps to it."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from sage_cluster.state.json_file import JsonFile
from sage_cluster.state.paths import StatePaths


class Start(NamedTuple):
    """Who wanted a node last, and when on the monotonic clock, in seconds."""

    pid: int
    at: float


Starts = dict[str, Start]


class Membership:
    """The names of the wanted nodes, in a file beside the configuration; several may change them at once.

    Without a readable file nobody is wanted: nothing is repaired until the next start, and everything can be stopped.
    """

    def __init__(self, config_path: Path) -> None:
        path = StatePaths.beside(config_path).wanted
        self._file: JsonFile[Starts] = JsonFile(path, _parse, {}, "nothing is repaired until a start")

    def wanted(self) -> frozenset[str]:
        """The names; none before the first start."""
        return frozenset(self.starts())

    def starts(self) -> Starts:
        """The wanted nodes with their last start, by name."""
        return self._file.read()

    def want(self, names: Iterable[str]) -> None:
        """These nodes are to run from now on. Raises ConfigError when that cannot be written."""
        wanted = dict.fromkeys(names, Start(os.getpid(), time.monotonic()))
        self._file.change(lambda starts: {**starts, **wanted})

    def unwant(self, names: Iterable[str]) -> None:
        """These nodes are not to run any more. Raises ConfigError when that cannot be written."""
        gone = set(names)
        self._file.change(lambda starts: {name: start for name, start in starts.items() if name not in gone})

    def unwant_all(self) -> None:
        """No node is to run any more; this needs no room on the disk. Raises ConfigError."""
        self._file.change(lambda _: {})


def _parse(known: Any) -> Starts:  # noqa: ANN401 - whatever a file says
    try:
        if isinstance(known, list):  # as it was written before starts were kept
            known = dict.fromkeys(known, (0, 0.0))
        starts = {name: Start(int(pid), float(at)) for name, (pid, at) in known.items()}
    except (AttributeError, TypeError, ValueError, OverflowError) as error:
        raise ValueError("it does not say who is wanted") from error
    if not all(isinstance(name, str) for name in starts):
        raise ValueError("it names what is no node")
    return starts
