"""Words for the nodes that a fault strikes."""

from __future__ import annotations

import pytest

from sage_lab import LabNode
from SageLibrary.arguments.target import Target

NODES = [
    LabNode("head", "head", "c", "h"),
    *(LabNode(f"worker-{n}", "worker", "c", "h") for n in (1, 2, 3)),
    LabNode("new-worker", "spare", "c", "h"),
]


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ("the head", ["head"]),
        ("One  Worker", ["worker-3"]),
        ("two workers", ["worker-1", "worker-2"]),
        ("all workers", ["worker-1", "worker-2", "worker-3"]),
        ("every node", ["head", "worker-1", "worker-2", "worker-3"]),
        ("worker-12", ["worker-12"]),
        ("new-worker", ["new-worker"]),
    ],
)
def test_words_name_nodes(words: str, names: list[str]) -> None:
    assert Target.parse(words).nodes(NODES) == names


@pytest.mark.parametrize(
    ("words", "nearest"),
    [("one wroker", "one worker"), ("worker-0", "worker-1"), ("heda", "head"), ("al workers", "all")],
)
def test_a_wrong_word_is_answered_with_the_nearest(words: str, nearest: str) -> None:
    with pytest.raises(ValueError, match=f"'{words}' is no target; did you mean '{nearest}"):
        Target.parse(words)
