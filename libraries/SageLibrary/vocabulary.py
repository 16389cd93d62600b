"""Words of a fixed set: a wrong one is answered with the nearest right one, before any machine is touched."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import TypeVar

Word = TypeVar("Word", bound=StrEnum)


def plain(text: str) -> str:
    """A word as it is compared: case, and what stands between its parts, do not count."""
    return " ".join(re.split(r"[\s_-]+", text.strip().lower()))


def nearest(text: str, words: Iterable[str]) -> str:
    """The end of a sentence: a hint at the word that was meant, where there is one."""
    near = difflib.get_close_matches(plain(text), list(words), n=1)
    return f"; did you mean '{near[0]}'?" if near else "."


def reader_of(words: type[Word], what: str) -> Callable[[str], Word]:
    """How Robot reads a word of this set, by its value or its member's name; ``what`` names the set in an error."""

    def read(text: str) -> Word:
        for word in words:
            if plain(text) in {plain(word.value), plain(word.name)}:
                return word
        known = [plain(word.value) for word in words]
        raise ValueError(f"'{text}' is no {what}{nearest(text, known)} Known: {', '.join(known)}")

    return read
