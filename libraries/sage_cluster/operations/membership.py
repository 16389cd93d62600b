"""Which nodes are meant to run: what a person started and did not stop or remove. The supervisor keeps to it."""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from sage_cluster.config.file import locked, replace_text

LOCK_SECONDS = 10.0
log = logging.getLogger(__name__)


class Start(NamedTuple):
    """Who wanted a node last, and when on the monotonic clock, in seconds."""

    pid: int
    at: float


Starts = dict[str, Start]


class Membership:
    """The names of the wanted nodes, in a file beside the configuration; several may change them at once."""

    def __init__(self, config_path: Path) -> None:
        self._path = config_path.with_name(f".{config_path.name}.wanted")

    def wanted(self) -> frozenset[str]:
        """The names; none before the first start."""
        return frozenset(self.starts())

    def starts(self) -> Starts:
        """The wanted nodes with their last start, by name. A file that says nothing of the kind is put aside.

        Nobody is wanted then, so nothing is repaired until the next start, and everything can be stopped.
        """
        try:
            return _parse(self._path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except ValueError as error:
            aside = self._path.with_name(f"{self._path.name}.unreadable")
            with suppress(FileNotFoundError):  # another one was faster
                self._path.replace(aside)
            log.warning(
                "%s: %s; it is put aside as %s, and nothing is repaired until a start", self._path, error, aside
            )
            return {}

    def want(self, names: Iterable[str]) -> None:
        """These nodes are to run from now on. Raises ConfigError when that cannot be written."""
        wanted = dict.fromkeys(names, Start(os.getpid(), time.monotonic()))
        self._change(lambda starts: {**starts, **wanted})

    def unwant(self, names: Iterable[str]) -> None:
        """These nodes are not to run any more. Raises ConfigError when that cannot be written."""
        gone = set(names)
        self._change(lambda starts: {name: start for name, start in starts.items() if name not in gone})

    def _change(self, change: Callable[[Starts], Starts]) -> None:
        with locked(self._path, LOCK_SECONDS) as target:
            replace_text(target, json.dumps(change(self.starts()), sort_keys=True))


def _parse(text: str) -> Starts:
    known = json.loads(text)
    try:
        if isinstance(known, list):  # as it was written before starts were kept
            known = dict.fromkeys(known, (0, 0.0))
        starts = {name: Start(int(pid), float(at)) for name, (pid, at) in known.items()}
    except (AttributeError, TypeError, ValueError) as error:
        raise ValueError("it does not say who is wanted") from error
    if not all(isinstance(name, str) for name in starts):
        raise ValueError("it names what is no node")
    return starts
