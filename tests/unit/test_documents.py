"""Documents that are made from the source are current and whole; links and commands in the others lead somewhere."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import click
import pytest
import yaml

from sage_cluster.cli.main import main as sage_cluster
from sage_lab.cli.main import commands as sage_lab
from SageLibrary.running.cli import main as sage_test

ROOT = Path(__file__).parents[2]
DOCUMENTS = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]


def _script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "provision" / "controller" / f"{name}.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def errors() -> ModuleType:
    return _script("list_errors")


@pytest.fixture(scope="module")
def advice(errors: ModuleType) -> dict[str, dict[str, str]]:
    said: dict[str, dict[str, str]] = yaml.safe_load(errors.FIXES.read_text(encoding="utf-8"))
    return said


def test_the_list_of_errors_is_current(errors: ModuleType, advice: dict[str, dict[str, str]]) -> None:
    page = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
    assert page == errors.page(advice), "run 'make docs'"


def test_the_picture_of_the_packages_is_current() -> None:
    assert (ROOT / "docs" / "packages.svg").read_text(encoding="utf-8") == _script("draw_packages").draw(), (
        "run 'make docs'"
    )


def test_every_message_has_a_cause_and_says_what_to_do(errors: ModuleType, advice: dict[str, dict[str, str]]) -> None:
    fixes = advice["fix"]
    found = [message for package in errors.PACKAGES for message in errors.messages(package)]
    assert len(found) > 200
    causes = errors.causes()
    assert not [f"{m.place}: {m.error}" for m in found if not causes.get(m.error)], "give the class a docstring"
    lack = [f"{m.place}: {m.text}" for m in found if not (m.fix or fixes.get(m.text) or fixes.get(m.error))]
    assert not lack, "give the error a fix=, or an entry in docs/fixes.yaml"


def test_every_entry_of_the_fixes_is_used(errors: ModuleType, advice: dict[str, dict[str, str]]) -> None:
    found = [message for package in errors.PACKAGES for message in errors.messages(package)]
    without = [message for message in found if not message.fix]
    assert not set(advice["fix"]) - {message.text for message in without} - {message.error for message in without}
    assert not set(advice["why"]) - {message.text for message in found}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(document: Path) -> None:
    links = re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", document.read_text(encoding="utf-8"))
    assert not [link for link in links if not (document.parent / link).exists()]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_make_targets_that_a_document_names_exist(document: Path) -> None:
    known = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = set(re.findall(r"(?:^|`|sudo )make ([a-z][a-z-]*)", document.read_text(encoding="utf-8"), re.MULTILINE))
    assert not named - known


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_commands_that_a_document_names_exist(document: Path) -> None:
    programs = {"sage-cluster": sage_cluster, "sage-lab": sage_lab, "sage-test": sage_test}
    known = {program: _names(command) for program, command in programs.items()}
    named = re.findall(
        r"(?:^|[`$] ?|-- )(sage-cluster|sage-lab|sage-test) ([a-z]+)", document.read_text(encoding="utf-8"), re.M
    )
    assert not [f"{program} {command}" for program, command in named if command not in known[program]]


def _names(command: click.Command) -> set[str]:
    assert isinstance(command, click.Group)
    return set(command.list_commands(click.Context(command)))
