"""README.zh-CN.md says the same as README.md: the same parts, commands, tables and links, in the same order."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ENGLISH = (ROOT / "README.md").read_text(encoding="utf-8")
CHINESE = (ROOT / "README.zh-CN.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```\w*\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def headings(text: str) -> list[int]:
    """The level of each heading."""
    return [len(found) for found in re.findall(r"^(#+) ", BLOCK.sub("", text), re.MULTILINE)]


def commands(text: str) -> list[list[str]]:
    """The blocks that hold commands, without what is said of them; the picture of words is no such block."""
    blocks = [found for found in BLOCK.findall(text) if "v           v" not in found]
    return [[re.sub(r"\s+# .*", "", line) for line in block.splitlines()] for block in blocks]


def rows(text: str) -> list[str]:
    """What the first column of each table says, where that is code or a verdict."""
    return [cell for cell in re.findall(r"^\| ([^|]+) \|", text, re.MULTILINE) if cell.isascii()]


def code(text: str) -> list[str]:
    """What stands between single back quotes, wherever the sentence has it."""
    return sorted(re.findall(r"`([^`\n]+)`", BLOCK.sub("", text)))


def links(text: str) -> list[str]:
    """Where links and pictures lead, but for the one to the other README."""
    return [found for found in re.findall(r"\]\(([^)]+)\)", text) if not found.startswith("README")]


@pytest.mark.parametrize("of", [headings, commands, code, links], ids=lambda of: of.__name__)
def test_the_chinese_readme_has_what_the_english_one_has(of: object) -> None:
    assert of(CHINESE) == of(ENGLISH), "translate the change into README.zh-CN.md"  # type: ignore[operator]


def test_the_tables_have_the_same_rows() -> None:
    heads = {"suite", "verdict"}
    assert rows(CHINESE) == [cell for cell in rows(ENGLISH) if cell not in heads]
