"""What nodes say does not command the operator's terminal."""

from __future__ import annotations

import pytest

from sage_cluster.ssh.text import printable


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("plain, Größe, 节点, 🙂", "plain, Größe, 节点, 🙂"),
        ("two\r\nlines\n\tand a tab", "two\nlines\n\tand a tab"),
        ("\x1b]0;title\x07", "\\x1b]0;title\\x07"),
        ("\x9b2J", "\\x9b2J"),
        ("over\rwritten\b", "over\\rwritten\\x08"),
        ("\u202egnp.exe", "\\u202egnp.exe"),
        ("one\u2028line", "one\\u2028line"),
        (b"\xff".decode(errors="surrogateescape"), "\\udcff"),
    ],
)
def test_control_characters_are_written_out(said: str, shown: str) -> None:
    assert printable(said) == shown
