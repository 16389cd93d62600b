"""Every keyword with its arguments and its group, as libdoc finds them in the library and the resources."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from robot.libdocpkg import LibraryDocumentation
from robot.utils import secs_to_timestr

from SageLibrary import SageLibrary
from SageLibrary.chinese.words import words, words_of_resource

ROOT = Path(__file__).parents[3]
RESOURCES = ROOT / "resources"


@dataclass(frozen=True)
class Keyword:
    """One keyword. ``arguments``: as they are written, optional ones with their default; ``doc``: in Robot's markup."""

    name: str
    arguments: tuple[str, ...]
    doc: str
    group: str
    chinese: str = ""

    @property
    def meaning(self) -> str:
        """The first paragraph."""
        return " ".join(self.doc.split("\n\n")[0].split())


def keywords() -> list[Keyword]:
    """Those of the library, group by group, and those of each resource in ``resources/``."""
    group_of, chinese = groups(), {english: name for english, (name, _) in words().keywords.items()}
    found = [_keyword(one, group_of[one.name], chinese) for one in LibraryDocumentation("SageLibrary").keywords]
    order = list(dict.fromkeys(group_of.values()))
    found.sort(key=lambda keyword: (order.index(keyword.group), keyword.name))
    for path in resources():
        group, chinese = str(path.relative_to(ROOT)), words_of_resource(path.name)
        more = [_keyword(one, group, chinese) for one in LibraryDocumentation(str(path)).keywords]
        found += sorted(more, key=lambda keyword: keyword.name)
    return found


def keywords_of_ssh_library() -> list[Keyword]:
    """Those of SSHLibrary, which ``resources/ssh.resource`` brings."""
    return [_keyword(one, "SSHLibrary", {}) for one in LibraryDocumentation("SSHLibrary").keywords]


def resources() -> list[Path]:
    """The resource files in English."""
    return sorted(RESOURCES.glob("*.resource"))


def groups() -> dict[str, str]:
    """The group of each keyword of the library, in the library's order."""
    library = SageLibrary()  # touches no machine
    return {
        name.replace("_", " ").title(): (type(method.__self__).__doc__ or "").split("\n")[0].split(".")[0]
        for name, method in library.keywords.items()
    }


def _keyword(one: Any, group: str, chinese: dict[str, str]) -> Keyword:  # noqa: ANN401 - libdoc has no type hints
    arguments = tuple(_argument(argument) for argument in one.args)
    return Keyword(one.name, arguments, one.doc, group, chinese.get(one.name, ""))


def _argument(argument: Any) -> str:  # noqa: ANN401 - libdoc has no type hints
    if argument.kind == "VAR_POSITIONAL":
        return f"*{argument.name}"
    if argument.required:
        return str(argument.name)
    return f"{argument.name}={_written(argument.default)}"


def _written(default: Any) -> str:  # noqa: ANN401 - any default
    if isinstance(default, timedelta):
        return str(secs_to_timestr(default.total_seconds()))
    return "" if default is None else str(default)
