"""Whom a fault strikes: a node's name, or words for several, known to be right before any machine is touched."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Self

from sage_lab import LabNode
from SageLibrary.arguments.node_name import is_node, names
from SageLibrary.arguments.vocabulary import nearest

WORDS: dict[str, Callable[[list[str]], list[str]]] = {
    "the head": lambda _: ["head"],
    "one worker": lambda workers: workers[-1:],
    "two workers": lambda workers: workers[:2],
    "all workers": lambda workers: workers,
    "every node": lambda workers: ["head", *workers],
}


class Target(str):
    """A node's name, or: the head, one worker, two workers, all workers, every node.

    Spares are no workers here: they are not in the cluster until somebody adds them, and are struck by name.
    """

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """The head, one worker, two workers, all workers, every node, or a node's name; ValueError for any other."""
        words = " ".join(text.lower().split())
        if words in WORDS or is_node(words):
            return cls(words)
        hint = nearest(text, [*WORDS, *names()], joined=True)
        raise ValueError(f"'{text}' is no target{hint} Targets are: {', '.join(WORDS)}, or a node's name")

    def nodes(self, lab: Sequence[LabNode]) -> list[str]:
        """The names of the nodes of this lab that are meant."""
        workers = [node.name for node in lab if node.role == "worker"]
        return WORDS[self](workers) if self in WORDS else [str(self)]
