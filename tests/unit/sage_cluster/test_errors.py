"""Errors say what, where and what next, and survive the way between processes."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Iterator

import pytest

from sage_cluster.errors import ConfigError, ConfigNotFoundError, SageError, SshError


def kinds(kind: type[SageError] = SageError) -> Iterator[type[SageError]]:
    yield kind
    for below in kind.__subclasses__():
        yield from kinds(below)


ALL = sorted({kind for kind in kinds() if kind.__module__ == "sage_cluster.errors"}, key=lambda kind: kind.__name__)


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)
def test_an_error_is_the_same_after_pickling(kind: type[SageError]) -> None:
    error = kind("it broke", where="node-1", fix="mend it")
    for again in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(again) is kind
        assert (again.what, again.where, again.fix) == ("it broke", "node-1", "mend it")
        assert str(again) == str(error) == "node-1: it broke\n  -> mend it"


@pytest.mark.parametrize(
    ("where", "fix", "text"),
    [
        ("", "", "it broke"),
        ("node-1", "", "node-1: it broke"),
        ("", "mend it", "it broke\n  -> mend it"),
    ],
)
def test_the_text(where: str, fix: str, text: str) -> None:
    assert str(SageError("it broke", where=where, fix=fix)) == text


def test_all_kinds_are_here() -> None:
    assert len(ALL) > 15
    assert SshError in ALL


def test_python_itself_knows_them_too() -> None:
    assert issubclass(ConfigNotFoundError, FileNotFoundError)
    assert issubclass(ConfigError, ValueError)
    assert not issubclass(SshError, ValueError)
