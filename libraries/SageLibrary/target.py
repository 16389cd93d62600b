"""Whom a fault strikes: a node's name, or words for several, known to be right before any machine is touched."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Sequence
from typing import Self

from sage_lab import LabNode

WORDS: dict[str, Callable[[list[str]], list[str]]] = {
    "the head": lambda _: ["head"],
    "one worker": lambda workers: workers[-1:],
    "two workers": lambda workers: workers[:2],
    "all workers": lambda workers: workers,
    "every node": lambda workers: ["head", *workers],
}
NAME = re.compile(r"head|worker-[1-9]\d*|new-worker")


class Target(str):
    """A node's name, or: the head, one worker, two workers, all workers, every node.

    Spares are no workers here: they are not in the cluster until somebody adds them, and are struck by name.
    """

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """The target of these words; ValueError naming the nearest right word for any other."""
        plain = " ".join(text.lower().split())
        if plain in WORDS or NAME.fullmatch(plain):
            return cls(plain)
        known = [*WORDS, "head", "worker-1", "new-worker"]
        near = difflib.get_close_matches(plain, known, n=1)
        hint = f"; did you mean '{near[0]}'?" if near else ""
        raise ValueError(f"'{text}' is no target{hint} Targets are: {', '.join(WORDS)}, or a node's name")

    def nodes(self, lab: Sequence[LabNode]) -> list[str]:
        """The names of the nodes of this lab that are meant."""
        workers = [node.name for node in lab if node.role == "worker"]
        return WORDS[self](workers) if self in WORDS else [str(self)]
