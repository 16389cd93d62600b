"""Templates hold every tag: they escape what is put into them, want every value, and are installed with the package."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

import pytest
from jinja2 import UndefinedError

import SageLibrary
from SageLibrary import report
from SageLibrary.report import trend
from SageLibrary.report.frame import render
from SageLibrary.report.log import links, table
from tests.support.pages import Page

ROOT = Path(__file__).parents[3]
REPORT = Path(report.__file__).parent
TAG = re.compile(r"</[a-z]+[0-9]?>|<[a-z]+[0-9]? [a-z-]+=")
NASTY = "<script>alert(\"1\")</script> & 'x'"
SOURCES = sorted(Path(SageLibrary.__file__).parent.rglob("*.py"))


@pytest.mark.parametrize("file", SOURCES, ids=lambda file: f"{file.parent.name}-{file.stem}")
def test_no_tag_stands_in_a_python_string(file: Path) -> None:
    texts = [
        node.value for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))) if isinstance(node, ast.Constant)
    ]
    assert [text for text in texts if isinstance(text, str) and TAG.search(text)] == []


def test_tables_links_and_charts_in_the_log_are_escaped() -> None:
    chart = trend.draw(trend.Chart.of(NASTY, [(NASTY, 1.0)], NASTY))
    for html in (table((NASTY,), [(NASTY, 1)]), links(NASTY, {NASTY: NASTY}), chart):
        read = Page(html)
        assert read.open == []
        assert "script" not in read.tags
        assert NASTY in read.text


def test_a_link_leads_to_its_file() -> None:
    read = Page(links("process 7", {"result": "operations/1-a b.json", "progress": "operations/1.txt"}))
    assert read.links == ["operations/1-a%20b.json", "operations/1.txt"]
    assert read.text.strip() == "process 7: result, progress"


def test_a_value_that_a_template_lacks_is_an_error() -> None:
    with pytest.raises(UndefinedError, match="rows"):
        render("table", heads=[])


def test_every_template_is_installed_with_the_package() -> None:
    told = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]["package-data"]
    installed = {file for pattern in told["SageLibrary.report"] for file in REPORT.glob(pattern)}
    assert installed == set((REPORT / "templates").iterdir())
