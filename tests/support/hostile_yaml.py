"""YAML as it should not be, for every place that reads some: examples of each kind, and a generator."""

from __future__ import annotations

from hypothesis import strategies as st

UNREADABLE = [
    "!!bool maybe",
    "!!timestamp x",
    "!!int ''",
    "!!int many",
    "!!float ''",
    "!!float x",
    "!!null [x]",
    "!!map x",
    "!!seq x",
    "!!set {a, b}",
    "!!omap [a: 1]",
    "!!pairs [a]",
    "!!binary '?'",
    "!!merge x",
    "!!value x",
    "!!python/name:os.system ''",
    "!mine x",
    "<<",
    "=",
    "2024-99-99",
    "2024-01-01T00:00:00+99:99",
    "1" * 5000,
    "1" + ":1" * 100_000,
    "&a [*a]",
    "&a {b: *a}",
    "*nobody",
    "{? [x] : 1}",
    "{a: 1, a: 2}",
    "{<<: 5}",
    "[" * 5000,
    "{a: " * 5000,
    "'",
    "\x00",
    "\ud7ff\ufffe",
    "@x",
    "%x",
]
"""Values that are none; each may stand behind a key, or alone on the command line."""

_TAGS = st.sampled_from(
    ["", "!!bool ", "!!int ", "!!float ", "!!timestamp ", "!!null ", "!!str ", "!!seq ", "!x ", "&a "]
)
_WORDS = st.sampled_from(
    ["x", "1", "*a", "~", "''", "1:1", "0x", ".nan", "<<", "2001-01-01", "[", "]", "{", "}", "- y"]
)
_PARTS = st.builds(lambda tag, word: tag + word, _TAGS, _WORDS | st.text(max_size=6))


def documents(keys: list[str]) -> st.SearchStrategy[bytes]:
    """Files of these keys, half of them YAML, with values of all kinds; and bytes that are no text at all."""
    names = st.sampled_from([*keys, "<<", "1", "? [a]", "mine", "a", "  x"])
    lines = st.lists(st.builds(lambda name, value: f"{name}: {value}\n", names, _PARTS), max_size=6)
    return st.binary(max_size=40) | lines.map(lambda made: "".join(made).encode("utf-8", "surrogatepass"))
