"""How values are read in Chinese; the English words are understood as well. What is wrong is said in Chinese."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable
from datetime import timedelta
from enum import Enum
from typing import TypeVar

from robot.utils import timestr_to_secs

from SageLibrary.arguments.node_name import Host, NodeName, names
from SageLibrary.arguments.target import Target
from SageLibrary.arguments.vocabulary import LISTED, plain, word_of
from SageLibrary.chinese.words import words

Word = TypeVar("Word", bound=Enum)
ALIKE = 0.4  # Chinese words are short: one wrong character of two is half of them
EXAMPLES = "30 秒、1 分钟、1 分 30 秒、500 毫秒"


def reader_of(members: type[Word], chinese: dict[str, str], what: str) -> Callable[[str], Word]:
    """How Robot reads a word of this set; ``chinese``: the words by the English ones, ``what`` names the set."""
    said = [chinese.get(word_of(member), word_of(member)) for member in members]
    by_word = {word_of(member): member for member in members}
    by_word |= {plain(word): member for word, member in zip(said, members, strict=True)}

    def read(text: str) -> Word:
        found = by_word.get(plain(text))
        if found is None:
            raise _wrong(text, what, said)
        return found

    read.__doc__ = f"{what}：{'、'.join(said)}。"
    return read


def read_target(text: str) -> Target:
    """节点名，或者：头节点、一个工作节点、两个工作节点、所有工作节点、每个节点。"""
    chinese = {said: english for english, said in words().targets.items()}
    try:
        return Target.parse(chinese.get(text.strip(), text))
    except ValueError:
        raise _wrong(text, "故障的目标", [*chinese, *names()], "，也可以写节点名") from None


def read_node(text: str) -> NodeName:
    """节点名：head、worker-1、worker-2 等，或 new-worker。"""
    try:
        return NodeName.parse(text)
    except ValueError:
        raise _wrong(text, "节点名", names()) from None


def read_host(text: str) -> Host:
    """节点名，或其他主机名、地址；可以写作 主机:端口。"""
    try:
        return Host.parse(text)
    except ValueError:
        raise _wrong(text, "节点名", names()) from None


def read_time(text: str | float) -> timedelta:
    """时间：30 秒、1 分钟、1 分 30 秒、500 毫秒。"""
    units = words().units
    plainly = re.sub("|".join(units), lambda unit: f"{units[unit[0]]} ", str(text))
    try:
        return timedelta(seconds=float(timestr_to_secs(plainly.strip())))
    except ValueError:
        raise ValueError(f"“{text}”不是时间。时间写作：{EXAMPLES}") from None


def _wrong(text: str, what: str, known: Iterable[str], besides: str = "") -> ValueError:
    known = list(known)
    near = difflib.get_close_matches(text.strip(), known, n=1, cutoff=ALIKE)
    hint = f"，是不是“{near[0]}”？" if near else "。"
    others = f"可用的词：{'、'.join(known)}{besides}" if len(known) <= LISTED else "“sage-lab words”列出全部词汇"
    return ValueError(f"“{text}”不是{what}{hint}{others}")
