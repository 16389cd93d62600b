"""What nodes say, before it becomes part of a message: a terminal obeys control characters."""

from __future__ import annotations

import unicodedata

KEPT = "\n\t"
CONTROL = {"Cc", "Cf", "Cs", "Zl", "Zp"}  # controls, formats (writing direction), surrogates, separators of lines


def printable(text: str) -> str:
    """The text with each control character written out, as ``\\x1b``; line ends and tabs stay."""
    text = text.replace("\r\n", "\n")
    if text.isprintable():
        return text
    return "".join(
        ascii(one)[1:-1] if one not in KEPT and unicodedata.category(one) in CONTROL else one for one in text
    )
