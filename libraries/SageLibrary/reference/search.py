"""Find words although they are not spelt as they are written: every word of the search has to be met somewhere."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable
from typing import TypeVar

Entry = TypeVar("Entry")
ALIKE = 0.75
NAME, TEXT = 1.0, 0.4  # what it counts to be met in a name, or only in the text


def search(query: str, entries: Iterable[Entry], texts: Callable[[Entry], tuple[str, str]]) -> list[Entry]:
    """The entries that fit, the best first. ``texts`` gives an entry's name, and the rest that is said of it."""
    parts = query.lower().split()
    rated = [(_fit(parts, *texts(entry)), len(texts(entry)[0]), entry) for entry in entries]
    rated.sort(key=lambda one: (-one[0], one[1]))  # of those that fit alike, the shorter name first
    return [entry for fit, _, entry in rated if fit > 0]


def _fit(parts: list[str], name: str, text: str) -> float:
    fits = [max(NAME * _met(part, name.lower()), TEXT * _met(part, text.lower())) for part in parts]
    return sum(fits) if all(fits) else 0.0


def _met(part: str, text: str) -> float:
    """From 0 to 1: a whole word counts most, then the beginning of one, a part of one, and one that is nearly so."""
    found = re.findall(r"[\w-]+", text)
    if part in found:
        return 1.0
    if any(word.startswith(part) for word in found):
        return 0.9
    if part in text:
        return 0.7
    return 0.35 if difflib.get_close_matches(part, found, n=1, cutoff=ALIKE) else 0.0
