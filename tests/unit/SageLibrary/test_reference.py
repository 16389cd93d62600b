"""The reference of all words: current, complete, searchable, and the same on every machine."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from sage_cluster import NodeState
from sage_cluster.supervision.health import Health
from sage_lab.cli.main import commands
from sage_lab.faults import FaultKind
from SageLibrary.arguments.target import WORDS as TARGETS
from SageLibrary.arguments.vocabulary import plain, word_of
from SageLibrary.keywords.connection import SshProblem
from SageLibrary.reference.arguments import ARGUMENTS
from SageLibrary.reference.html import write_page
from SageLibrary.reference.keywords import keywords
from SageLibrary.reference.markdown import page
from SageLibrary.reference.search import search
from SageLibrary.reference.values import values

ROOT = Path(__file__).parents[3]
PAGE = page()
WORDS = [*((one.name, one.meaning) for one in keywords()), *((one.word, one.meaning) for one in values())]


def words(*arguments: str) -> Result:
    return CliRunner().invoke(commands, ["vocabulary", *arguments])


def test_the_page_is_current() -> None:
    assert (ROOT / "docs/keywords.md").read_text(encoding="utf-8") == PAGE, "run 'make docs'"


def test_the_page_names_no_path_of_this_machine() -> None:
    assert str(ROOT) not in PAGE
    assert "```\n```" not in PAGE


@pytest.mark.parametrize("keyword", keywords(), ids=lambda keyword: keyword.name)
def test_every_keyword_is_on_the_page_and_documented(keyword: object) -> None:
    name, meaning = keyword.name, keyword.meaning  # type: ignore[attr-defined]
    assert f"\n### {name}\n" in PAGE
    assert len(meaning) > 10
    assert meaning.endswith("."), meaning


def test_every_link_of_the_page_has_its_heading() -> None:
    headings = {line.lstrip("# ") for line in PAGE.splitlines() if line.startswith("#")}
    for line in PAGE.splitlines():
        for part in line.split("](#")[:-1]:
            assert part.rsplit("[", 1)[1] in headings


def test_every_value_has_a_meaning() -> None:
    known = {plain(one.word) for one in values()}
    expected = [word_of(one) for kind in (FaultKind, NodeState, Health, SshProblem) for one in kind]
    assert {*expected, *TARGETS} <= known
    assert all(one.meaning.endswith(".") for one in values())


def test_every_argument_has_a_meaning_and_no_other_has() -> None:
    named = {argument.split("=")[0].lstrip("*") for one in keywords() for argument in one.arguments}
    assert named == set(ARGUMENTS), "say what it means in SageLibrary/reference/arguments.py"
    assert list(ARGUMENTS) == sorted(ARGUMENTS)


def test_libdocs_own_page_has_all_keywords_and_no_path(tmp_path: Path) -> None:
    write_page(tmp_path / "keywords.html")
    html = (tmp_path / "keywords.html").read_text(encoding="utf-8")
    assert all(f'"{one.name}"' in html for one in keywords())
    assert str(ROOT) not in html


@pytest.mark.parametrize(
    ("query", "best"),
    [
        ("node should be", "Node Should Be"),
        ("inject", "Inject Fault"),
        ("execute command", "Execute Command"),
        ("partiton halves", "halves"),
        ("raylet kiled", "raylet killed"),
        ("断电", "power cut"),
        ("启动集群", "Start The Cluster"),
        ("quarantned", "quarantined"),
    ],
)
def test_a_search_finds_the_word_first(query: str, best: str) -> None:
    found = json.loads(words("--json", *query.split()).stdout)
    assert found[0]["word"] == best


def test_the_list_has_every_word_and_is_not_cut_in_a_pipe() -> None:
    lines = [" ".join(line.split()) for line in words().stdout.splitlines()]
    text = "\n".join(lines)
    assert all(word in text for word, _ in WORDS)
    assert "keyword Node Should Be node state within=0 seconds A node is in this state now" in text


def test_chinese_is_shown_when_it_is_asked_for() -> None:
    assert "断电" in words("--chinese", "power", "cut").stdout
    assert "断电" not in words("power", "cut").stdout


def test_nothing_found_says_so() -> None:
    done = words("zzzz")
    assert done.exit_code == 1
    assert "nothing is like 'zzzz'; 'sage-lab vocabulary' shows all" in done.output


def test_the_command_s_former_name_still_works() -> None:
    done = CliRunner().invoke(commands, ["words", "worker"])
    assert (done.exit_code, done.stdout) == (0, words("worker").stdout)


def test_every_part_of_a_search_has_to_be_met() -> None:
    found = search("power banana", ["power cut"], lambda text: (text, ""))
    assert found == []


def test_other_packages_add_commands_and_help_lists_them() -> None:
    listed = CliRunner().invoke(commands, ["--help"]).stdout
    assert "\n  vocabulary " in listed
    assert "\n  up " in listed
