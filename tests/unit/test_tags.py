"""Every test of the suites says by its tags what it judges, what it costs and how dangerous it is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from SageLibrary.running.plan import PlannedTest, plan

ROOT = Path(__file__).parents[2]
LAYERS = {"config", "connection", "service", "orchestration"}
COSTS = {"quick", "slow"}


@pytest.fixture(scope="module")
def planned() -> list[PlannedTest]:
    return plan([ROOT / "robot"], {})


def named(tests: list[PlannedTest]) -> list[str]:
    return [f"{test.suite}: {test.name}" for test in tests]


def test_every_test_is_of_one_layer(planned: list[PlannedTest]) -> None:
    assert len(planned) > 60
    assert not named([test for test in planned if len(LAYERS & set(test.tags)) != 1])


def test_no_test_is_quick_and_slow(planned: list[PlannedTest]) -> None:
    assert not named([test for test in planned if set(test.tags) >= COSTS])


def test_what_breaks_something_is_destructive(planned: list[PlannedTest]) -> None:
    assert not named([test for test in planned if test.faults and "destructive" not in test.tags])


def test_every_tag_stands_in_the_table_of_the_document(planned: list[PlannedTest]) -> None:
    page = (ROOT / "docs" / "running-tests.md").read_text(encoding="utf-8")
    first_cells = re.findall(r"^\| ([^|]*) \|", page, re.MULTILINE)
    rows = {tag for cell in first_cells for tag in re.findall(r"`([\w-]+)`", cell)}
    used = {tag for test in planned for tag in test.tags}
    assert not used - rows
    assert not (LAYERS | COSTS | {"smoke", "destructive"}) - rows


def test_every_test_can_run(planned: list[PlannedTest]) -> None:
    assert not [test.problem for test in planned if test.problem]
