"""SageLibrary in Chinese: other names for the same words, run by the one SageLibrary of the suite."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Literal, get_args, get_origin

from robot.libraries.BuiltIn import BuiltIn

from sage_cluster import NodeState
from sage_cluster.supervision.health import Health
from sage_lab.faults import FaultKind
from SageLibrary import SageLibrary
from SageLibrary.arguments.node_name import Host, NodeName
from SageLibrary.arguments.target import Target
from SageLibrary.chinese.readers import read_host, read_node, read_target, read_time, reader_of
from SageLibrary.chinese.words import words
from SageLibrary.keywords.connection import SshProblem


class Chinese:
    """在实验环境的节点上管理 Ray 集群，并判断所看到的一切。

    这些词汇是 SageLibrary 的中文说法：关键字、参数名和取值都可以用中文书写，取值也接受英文。
    使用时导入 ``resources/zh-CN/cluster.resource`` ，它同时导入 SageLibrary。
    """

    ROBOT_LIBRARY_SCOPE = "GLOBAL"
    ROBOT_LIBRARY_CONVERTERS = {  # noqa: RUF012 - Robot reads it as it is
        NodeName: read_node,
        Host: read_host,
        Target: read_target,
        timedelta: read_time,
        FaultKind: reader_of(FaultKind, words().faults, "故障"),
        NodeState: reader_of(NodeState, words().states, "节点状态"),
        Health: reader_of(Health, words().supervised_states, "监督状态"),
        SshProblem: reader_of(SshProblem, words().problems, "SSH 问题"),
    }

    def __init__(self) -> None:
        self._described = SageLibrary()  # asked about its keywords only: it touches no machine
        by_name = {method.robot_name or _title(name): name for name, method in self._described.keywords.items()}
        known = words().keywords
        self._english = {known[name][0]: name_in_code for name, name_in_code in by_name.items() if name in known}
        self._documents = dict(known.values())
        self._arguments = words().arguments
        self._in_english = {chinese: english for english, chinese in self._arguments.items()}

    def get_keyword_names(self) -> list[str]:
        """All names, in Chinese."""
        return list(self._english)

    def get_keyword_arguments(self, name: str) -> list[Any]:
        """A keyword's arguments, in Chinese, with their defaults."""
        return [self._argument(one) for one in self._described.get_keyword_arguments(self._english[name])]

    def get_keyword_types(self, name: str) -> dict[str, Any]:
        """The types of a keyword's arguments, by their Chinese names."""
        types = self._described.get_keyword_types(self._english[name])
        return {self._arguments.get(one, one): _in_chinese(kind) for one, kind in types.items()}

    def get_keyword_documentation(self, name: str) -> str:
        """What a keyword does, in Chinese."""
        if name == "__intro__":
            return self.__doc__ or ""
        return self._documents.get(name, "")

    def get_keyword_tags(self, name: str) -> list[str]:
        """A keyword's tags: those of the English one."""
        return list(self._described.get_keyword_tags(self._english[name]))

    def get_keyword_source(self, name: str) -> str | None:
        """Where the keyword is written."""
        source = self._described.get_keyword_source(self._english[name])
        return str(source) if source else None

    def run_keyword(self, name: str, args: Sequence[Any], named: Mapping[str, Any]) -> Any:  # noqa: ANN401
        """Run the keyword in the suite's SageLibrary."""
        library: Any = BuiltIn().get_library_instance("SageLibrary")
        plainly = {self._in_english.get(one, one): _value(value) for one, value in named.items()}
        return library.run_keyword(self._english[name], [_value(value) for value in args], plainly)

    def _argument(self, argument: str | tuple[str, Any]) -> str | tuple[str, Any]:
        if isinstance(argument, tuple):
            return self._arguments.get(argument[0], argument[0]), argument[1]
        name = argument.lstrip("*")
        return argument.removesuffix(name) + self._arguments.get(name, name)


def _title(name: str) -> str:
    return name.replace("_", " ").title()


def _in_chinese(kind: Any) -> Any:  # noqa: ANN401 - any type
    """A choice of English words becomes one of the Chinese words; any other type stays."""
    if get_origin(kind) is not Literal:
        return kind
    chosen = {words().choices.get(word, word): word for word in get_args(kind)}
    return enum.Enum("/".join(chosen), chosen)


def _value(value: Any) -> Any:  # noqa: ANN401 - any argument
    """What the keyword itself expects: of a choice that was made in Chinese, the English word."""
    chosen = isinstance(value, enum.Enum) and type(value).__module__ == __name__
    return value.value if chosen else value
