"""Rules of robocop for suites that speak of a cluster. [tool.robocop.lint] in pyproject.toml loads them."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from robocop.linter.rules import Rule, RuleSeverity, VisitorChecker
from robot.api import Token
from robot.conf.languages import Languages
from robot.libdocpkg import LibraryDocumentation
from robot.parsing.model.blocks import File, SettingSection, TestCase
from robot.parsing.model.statements import Comment, KeywordCall, Setup, Teardown, Template, TemplateArguments

from SageLibrary.keywords.breaking import LEFT_BROKEN

LANGUAGES = Languages("zh-CN", add_english=True).languages
LIBRARIES = (
    "SageLibrary",
    "SageLibrary.chinese.Chinese",
    *sorted((Path(__file__).parents[2] / "resources").rglob("*.resource")),
)
SHELL = {"runonnode": 1, "在节点上执行": 1, "executecommand": 0, "startcommand": 0}
"""The keywords that run a command on a node, and which of their arguments is the first one that may be it."""
WORDS_FOR = {
    r"\bray\s+stop\b": "Stop Workers",
    r"\bray\s+start\b": "Start Workers",
    r"\b(pkill|killall|kill)\b": "Inject Fault    raylet killed",
    r"\b(nft|iptables)\b": "Inject Fault    isolated",
    r"\btc\s+qdisc\b": "Inject Fault    delayed",
    r"\bip\s+link\s+set\b": "Unplug",
    r"\b(reboot|poweroff|shutdown|halt)\b": "Cut The Power",
    r"\bfallocate\b": "Inject Fault    disk full",
}


class StepsOutOfOrderRule(Rule):
    """A state comes first (Given), then an event (When), then what is seen (Then); And and But continue one of them."""

    name = "steps-out-of-order"
    rule_id = "LAB01"
    message = "'{word}' stands {where}: first Given, then When, then Then; And and But continue"
    severity = RuleSeverity.WARNING
    added_in_version = "9.0.0"


class CommandInsteadOfAWordRule(Rule):
    """A test that runs a shell command for what the vocabulary can say loses its proofs, its healing and its report."""

    name = "command-instead-of-a-word"
    rule_id = "LAB02"
    message = "'{command}' is run by hand: there is a word for it, such as '{word}'"
    severity = RuleSeverity.WARNING
    added_in_version = "9.0.0"


class TableWithoutColumnNamesRule(Rule):
    """Who adds a row has to know what stands where: a comment above the rows names the columns."""

    name = "table-without-column-names"
    rule_id = "LAB03"
    message = "The table of '{test}' does not name its columns: write '# FAULT    TARGET' or the like above its rows"
    severity = RuleSeverity.WARNING
    added_in_version = "9.0.0"


class FaultWithoutTeardownRule(Rule):
    """What a test breaks must be mended when the test fails half-way: only a teardown does that."""

    name = "fault-without-teardown"
    rule_id = "LAB04"
    message = "'{test}' says '{word}', but no teardown mends it: add '[Teardown]    Heal Every Fault' or the like"
    severity = RuleSeverity.WARNING
    added_in_version = "9.0.0"


class SuiteStyleChecker(VisitorChecker):
    """Looks at the test cases of a suite; user keywords and resources are where a vocabulary is made, and are free."""

    steps_out_of_order: StepsOutOfOrderRule
    command_instead_of_a_word: CommandInsteadOfAWordRule
    table_without_column_names: TableWithoutColumnNamesRule
    fault_without_teardown: FaultWithoutTeardownRule

    def __init__(self) -> None:
        self._torn_down = False
        self._templated = False
        super().__init__()

    def visit_File(self, node: File) -> None:  # noqa: N802 - robocop calls it by this name
        """A suite: what its settings say for all tests."""
        sections = [section for section in node.sections if isinstance(section, SettingSection)]
        settings = {statement.type for section in sections for statement in section.body}
        self._torn_down = Token.TEST_TEARDOWN in settings
        self._templated = Token.TEST_TEMPLATE in settings
        self.generic_visit(node)

    def visit_TestCase(self, node: TestCase) -> None:  # noqa: N802 - robocop calls it by this name
        """One test."""
        if self._templated or any(isinstance(one, Template) for one in node.body):
            self._check_table(node)
            return
        calls = [one for one in node.body if isinstance(one, KeywordCall) and one.keyword]
        self._check_order(calls)
        for call in calls:
            self._check_command(call)
        if not self._torn_down and not any(isinstance(one, Teardown) and one.name for one in node.body):
            setups = [one for one in node.body if isinstance(one, Setup) and one.name]
            self._check_breaks(node, [*setups, *calls])

    def _check_order(self, calls: list[KeywordCall]) -> None:
        reached = ""
        for call in calls:
            word, kind, _ = _parts(call.keyword)
            if not kind:
                continue
            where = ""
            if kind in {"and", "but"}:
                where = "" if reached else "first"
            elif kind == "given" and reached in {"when", "then"}:
                where = f"after {reached.title()}"
            else:
                reached = kind
            if where:
                self.steps_out_of_order.report(word=word, where=where, node=call.get_token(Token.KEYWORD))

    def _check_command(self, call: KeywordCall) -> None:
        first = SHELL.get(_parts(call.keyword)[2])
        if first is None:
            return
        for token in call.get_tokens(Token.ARGUMENT)[first:]:
            for pattern, word in WORDS_FOR.items():
                if found := re.search(pattern, token.value):
                    self.command_instead_of_a_word.report(command=found[0], word=word, node=token)

    def _check_table(self, node: TestCase) -> None:
        rows = [one for one in node.body if isinstance(one, TemplateArguments)]
        named = any(isinstance(one, Comment) and one.lineno < rows[0].lineno for one in node.body) if rows else True
        if len(rows) > 1 and not named:
            self.table_without_column_names.report(test=node.name, node=node.header)

    def _check_breaks(self, node: TestCase, steps: list[KeywordCall | Setup]) -> None:
        for step in steps:
            name = step.keyword if isinstance(step, KeywordCall) else step.name
            if _parts(name)[2] in _leaving_something_broken():
                self.fault_without_teardown.report(test=node.name, word=name, node=node.header)
                return


@cache
def _leaving_something_broken() -> set[str]:
    """The keywords after which a test needs a teardown, by their tags, as Robot compares their names."""
    documented = [one for library in LIBRARIES for one in LibraryDocumentation(str(library)).keywords]
    return {_plain(one.name) for one in documented if LEFT_BROKEN in one.tags}


def _parts(name: str) -> tuple[str, str, str]:
    """The leading word such as 'Given', its kind, and the keyword without it as Robot compares it."""
    first, _, rest = name.partition(" ")
    for language in LANGUAGES:
        for kind in ("given", "when", "then", "and", "but"):
            if first.lower() in {one.lower() for one in getattr(language, f"{kind}_prefixes")} and rest:
                return first, kind, _plain(rest)
    return "", "", _plain(name)


def _plain(name: str) -> str:
    return name.replace(" ", "").replace("_", "").lower()
