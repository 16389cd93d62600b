"""docs/writing-tests.md, followed step by step: what it tells a tester to write passes a dry run and robocop."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.robot_runs import ROOT, dry_run, run_module

Guide = Callable[[str], str]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The suites and their words, to write into."""
    for name in ("robot", "resources"):
        shutil.copytree(ROOT / name, tmp_path / name)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    shutil.copytree(ROOT / "provision/controller", tmp_path / "provision/controller")
    return tmp_path


def add_row(suite: Path, table: str, row: str) -> int:
    """Put a row at the end of a table, and return its line."""
    lines = suite.read_text(encoding="utf-8").splitlines()
    first = lines.index(table)
    end = next(number for number in range(first, len(lines)) if not lines[number].strip())
    lines.insert(end, row.rstrip("\n"))
    suite.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return end + 1


def test_the_row(guide: Guide, project: Path) -> None:
    suite = project / "robot/failure.robot"
    add_row(suite, "Processes", guide("row of Processes in robot/failure.robot"))
    done = dry_run("robot/failure.robot", cwd=project)
    assert done.returncode == 0, done.stdout
    assert run_module("robocop", "check", "--no-cache", "robot", cwd=project).returncode == 0


def test_the_wrong_row_is_answered_as_the_guide_says(guide: Guide, project: Path) -> None:
    row = guide("wrong row of Processes in robot/failure.robot")
    line = add_row(project / "robot/failure.robot", "Processes", row)
    said = dry_run("robot/failure.robot", cwd=project).stdout
    assert f"robot/failure.robot:{line}: {guide('answer to the wrong row').strip()}" in said


def test_the_test(guide: Guide, project: Path) -> None:
    suite = project / "robot/recovery.robot"
    suite.write_text(f"{suite.read_text(encoding='utf-8')}\n{guide('test in robot/recovery.robot')}", encoding="utf-8")
    assert dry_run("robot/recovery.robot", cwd=project).returncode == 0
    assert not style(project, "robot/recovery.robot")


def test_the_suite_and_its_own_word(guide: Guide, project: Path) -> None:
    suite = project / "robot/morning.robot"
    suite.write_text(guide("suite robot/morning.robot"), encoding="utf-8")
    assert not style(project, "robot/morning.robot")
    text = suite.read_text(encoding="utf-8") + guide("keyword in robot/morning.robot")
    suite.write_text(
        text.replace("    Given Everything Should Run", "    Given Worker Is Away For A While    worker-1")
    )
    done = dry_run("robot/morning.robot", cwd=project)
    assert done.returncode == 0, done.stdout
    assert not style(project, "robot/morning.robot")


def test_the_suite_with_commands_of_ones_own(guide: Guide, project: Path) -> None:
    suite = project / "robot/by-hand.robot"
    suite.write_text(guide("suite robot/by-hand.robot"), encoding="utf-8")
    done = dry_run("robot/by-hand.robot", cwd=project)
    assert done.returncode == 0, done.stdout
    assert not style(project, "robot/by-hand.robot")


def test_the_chinese_suite(guide: Guide, project: Path) -> None:
    suite = project / "robot/zh-CN/morning.robot"
    suite.write_text(guide("suite robot/zh-CN/morning.robot"), encoding="utf-8")
    done = dry_run("robot/zh-CN/morning.robot", cwd=project)
    assert done.returncode == 0, done.stdout
    assert not style(project, "robot/zh-CN/morning.robot")


def test_the_guide_names_every_rule_of_ours() -> None:
    text = (ROOT / "docs/writing-tests.md").read_text(encoding="utf-8")
    rules = re.findall(r'rule_id = "(\w+)"', (ROOT / "provision/controller/style_rules.py").read_text(encoding="utf-8"))
    assert set(rules) | {"KW01"} == set(re.findall(r"^\| (\w+\d\d) \|", text, re.MULTILINE))


def style(project: Path, suite: str) -> str:
    """What robocop says of a suite: its issues, and the lines that it would write in another way."""
    issues = run_module("robocop", "check", "--no-cache", suite, cwd=project)
    form = run_module("robocop", "format", "--check", "--diff", "--no-cache", suite, cwd=project)
    return (issues.stdout if issues.returncode else "") + (form.stdout if form.returncode else "")
