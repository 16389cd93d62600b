"""Words of a fixed set: a wrong one is answered with the nearest right one, before any machine is touched."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable
from enum import Enum
from typing import TypeVar

Word = TypeVar("Word", bound=Enum)
LISTED = 12  # so many words an error lists


def plain(text: str) -> str:
    """A word as it is compared: case, and what stands between its parts, do not count."""
    return " ".join(re.split(r"[\s_-]+", text.strip().lower()))


def nearest(text: str, words: Iterable[str], *, joined: bool = False) -> str:
    """The end of a sentence: a hint at the word that was meant, where there is one.

    ``joined``: the words are names with hyphens of their own.
    """
    near = difflib.get_close_matches(text.strip().lower() if joined else plain(text), list(words), n=1)
    return f"; did you mean '{near[0]}'?" if near else "."


def word_of(member: Enum) -> str:
    """How a member of a set is written in a suite: its value where that is a text, else its name."""
    return plain(member.value if isinstance(member.value, str) else member.name)


def reader_of(words: type[Word], what: str) -> Callable[[str], Word]:
    """How Robot reads a word of this set, by its value or its member's name; ``what`` names the set in an error."""

    def read(text: str) -> Word:
        for word in words:
            if plain(text) in {word_of(word), plain(word.name)}:
                return word
        known = [word_of(word) for word in words]
        others = f"Known: {', '.join(known)}" if len(known) <= LISTED else "'sage-lab words' lists all"
        raise ValueError(f"'{text}' is no {what}{nearest(text, known)} {others}")

    read.__doc__ = f"A {what}: {', '.join(word_of(word) for word in words)}."
    return read
