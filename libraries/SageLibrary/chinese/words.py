"""The Chinese words for those of the library and of the resources, read from resources/zh-CN/."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from robot import running

CHINESE = Path(__file__).parents[3] / "resources/zh-CN"


@dataclass(frozen=True)
class Words:
    """Chinese by English, but for ``units``, which are Robot's unit by the Chinese one."""

    keywords: dict[str, tuple[str, str]]
    """Name and documentation of each keyword, by its English name."""
    arguments: dict[str, str]
    faults: dict[str, str]
    targets: dict[str, str]
    states: dict[str, str]
    supervised_states: dict[str, str]
    problems: dict[str, str]
    choices: dict[str, str]
    units: dict[str, str]


@cache
def words() -> Words:
    """All of them."""
    sections = {section.replace(" ", "_"): entries for section, entries in _read("words.yaml").items()}
    keywords = {english: tuple(chinese) for english, chinese in _read("keywords.yaml").items()}
    return Words(keywords=keywords, **sections)


@cache
def words_of_resource(name: str) -> dict[str, str]:
    """The Chinese keyword by the English one that it runs, for a resource such as ``cluster.resource``.

    Empty when the resource has no Chinese one.
    """
    path = CHINESE / name
    if not path.exists():
        return {}
    keywords = running.ResourceFile.from_file_system(path).keywords
    return {next(call.name for call in keyword.body if call.type == "KEYWORD"): keyword.name for keyword in keywords}


def _read(name: str) -> Any:  # noqa: ANN401 - what YAML makes of it
    return yaml.safe_load((CHINESE / name).read_text(encoding="utf-8"))
