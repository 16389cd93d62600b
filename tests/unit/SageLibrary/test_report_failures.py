"""What the page says first when something went wrong, what differs from the last green run, and the short summaries."""

from __future__ import annotations

import json
import re
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from click.testing import CliRunner
from robot import run as robot

from sage_lab import Lab
from SageLibrary.listeners.evidence import collect
from SageLibrary.recording.run import RecordedTest
from SageLibrary.recording.verdict import Outcome
from SageLibrary.report import failures, green
from SageLibrary.report.__main__ import main
from SageLibrary.report.page import page
from tests.support.pages import Page
from tests.support.recorded_runs import NOWHERE, a_test, recording, run_of

LOGS = """=== session_1/logs/raylet.out
[2026-11-22 23:42:50,370 I 875 875] (raylet) all is well
[2026-11-22 23:42:51,370 E 875 875] (raylet) no agent <came> up
[2026-11-22 23:42:52,370 E 875 875] (raylet) a later one
"""


def failed(
    message: str = "InfraError: no\n\nEvidence of every node: /somewhere", name: str = "It's Bad"
) -> RecordedTest:
    return RecordedTest.of(name, "Robot.Failure", Outcome.INFRA, message, recording(), "robot/my failure.robot")


def test_each_failure_has_its_reason_first_errors_evidence_and_command(tmp_path: Path) -> None:
    directory = tmp_path / failures.evidence_name("Robot.Failure.It's Bad") / "worker-1"
    directory.mkdir(parents=True)
    (directory / failures.LOG).write_text(LOGS)
    html = page(run_of(a_test(), failed()), [], tmp_path)
    read = Page(html)
    first = "raylet.out: [2026-11-22 23:42:51,370 E 875 875] (raylet) no agent <came> up"
    assert ["worker-1", first] in read.rows
    assert "evidence/Robot_Failure_It_s_Bad/" in read.links
    assert "#test-1" in read.links
    assert "robot --test 'It'\"'\"'s Bad' 'robot/my failure.robot'" in read.text
    assert "/somewhere" not in read.text
    assert html.index("What went wrong") < html.index("How fast faults were noticed")


def test_the_first_error_is_none_from_before_the_test(tmp_path: Path) -> None:
    """An old line, old lines without a time in an old log, and one in a new log below an old line."""
    (tmp_path / "worker-1").mkdir()
    (tmp_path / "worker-1" / failures.LOG).write_text("""=== 2026-11-22 23:42:51 the test began
=== 2026-11-22 23:50:00 session_1/logs/raylet.out
[2026-11-22 23:42:50,999 E 875 875] (raylet) of the test before
Traceback of the test before
=== 2026-11-22 23:40:00 session_1/logs/monitor.err
Traceback (most recent call last):
=== 2026-11-22 23:50:00 session_1/logs/worker.err
Traceback of this test
""")
    assert failures.first_errors(tmp_path) == {"worker-1": "worker.err: Traceback of this test"}


def test_without_a_failure_nothing_went_wrong(tmp_path: Path) -> None:
    assert "What went wrong" not in page(run_of(a_test(), a_test(Outcome.SKIPPED, "Two")), [], tmp_path)


def test_a_failure_without_evidence_has_no_link_to_it(tmp_path: Path) -> None:
    assert "evidence/" not in Page(page(run_of(failed("InfraError: no")), [], tmp_path)).links


def test_only_a_run_that_passed_is_remembered_as_green(tmp_path: Path) -> None:
    green.keep(run_of(a_test(), failed()), tmp_path)
    assert green.last_green(tmp_path, "Robot") is None
    green.keep(run_of(a_test()), tmp_path)
    assert green.last_green(tmp_path, "Robot") == {
        "time": "2026-01-01T00:00:00+00:00",
        "seconds": {"Robot.Failure: One": 100.0},
    }
    assert green.last_green(tmp_path, "Other") is None


def test_a_broken_memory_is_none(tmp_path: Path) -> None:
    (tmp_path / green.FILE).write_text("{")
    assert green.last_green(tmp_path, "Robot") is None


def test_what_differs_from_the_last_green_run_is_told() -> None:
    many = run_of(*[a_test(name=str(number)) for number in range(10)])
    assert green.differences(many, {"time": "then", "seconds": {}}) == [
        f"new: {', '.join(f'Failure: {number}' for number in range(8))} and 2 more"
    ]
    took = {"It's Bad": 90.0, "Slow": 50.0, "Same": 99.0, "Gone": 1.0}
    before = {"time": "then", "seconds": {f"Robot.Failure: {name}": seconds for name, seconds in took.items()}}
    run = run_of(failed(), a_test(name="Slow"), a_test(name="Same"), a_test(name="Fresh"))
    assert green.differences(run, before) == [
        "Failure: It's Bad: passed then, infra now",
        "new: Failure: Fresh",
        "not run now: Failure: Gone",
        "Failure: Slow: took 100 s, 50 s then",
    ]
    assert "Since the last green run, then" in page(run, [], NOWHERE, before)
    same = {"time": "then", "seconds": {"Robot.Failure: One": 99.0}}
    assert "Nothing is different." in page(run_of(a_test()), [], NOWHERE, same)
    assert "No run of these suites before passed" in page(run, [], NOWHERE)


SUITE = """*** Test Cases ***
Good
    No Operation
Bad
    Fail    a | pipe
Table
    [Template]    Should Be Equal
    1    2
    2    3
Late
    [Tags]    flaky
    No Operation
"""


@pytest.fixture
def output(tmp_path: Path) -> Path:
    (tmp_path / "mixed.robot").write_text(SUITE)
    robot(str(tmp_path / "mixed.robot"), outputdir=str(tmp_path), log=None, report=None, console="none")
    return tmp_path / "output.xml"


def test_summaries_for_job_pages_and_programs(output: Path, tmp_path: Path) -> None:
    markdown, data = tmp_path / "summary.md", tmp_path / "summary.json"
    ended = CliRunner().invoke(main, [str(output), "--markdown", str(markdown), "--json", str(data)])
    assert ended.exit_code == 1
    assert "  flaky: Mixed.Late: it passed at a later attempt" in ended.output
    said = markdown.read_text().splitlines()
    assert said[0] == "## Mixed: failed"
    assert said[2] == "The cluster or its managers were wrong. 1 passed, 1 flaky, 2 failed."
    assert said[-3:] == [
        "| Mixed.Bad | failed | 0 | a \\| pipe |",
        "| Mixed.Table | failed | 0 | 1 != 2 (and 1 more) |",
        "| Mixed.Late | flaky | 0 | passed at a later attempt |",
    ]
    content = json.loads(data.read_text())
    assert (content["verdict"], content["status"]) == ("failed", 1)
    assert content["counts"] == {"passed": 1, "flaky": 1, "failed": 2}
    assert [(test["name"], test["flaky"]) for test in content["tests"]] == [
        ("Mixed.Good", False),
        ("Mixed.Bad", False),
        ("Mixed.Table", False),
        ("Mixed.Late", True),
    ]


def test_the_document_names_every_key_of_the_summary_for_programs(output: Path, tmp_path: Path) -> None:
    data = tmp_path / "summary.json"
    CliRunner().invoke(main, [str(output), "--json", str(data)])
    content = json.loads(data.read_text())
    page = (Path(__file__).parents[3] / "docs" / "reading-reports.md").read_text(encoding="utf-8")
    assert not [key for key in (*content, *content["tests"][0]) if f"| `{key}` |" not in page]


def test_tests_of_one_name_in_two_suites_are_told_apart(tmp_path: Path) -> None:
    twin = replace(a_test(), suite="Robot.Recovery")
    green.keep(run_of(a_test(), twin), tmp_path)
    before = green.last_green(tmp_path, "Robot")
    assert before
    assert green.differences(run_of(a_test(), replace(twin, outcome=Outcome.FAILED)), before) == [
        "Recovery: One: passed then, failed now"
    ]


def test_the_command_names_the_kind_of_lab(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in failures.SETTINGS:
        monkeypatch.delenv(name, raising=False)
    assert failures.replay_command(failed(name="One")) == "robot --test One 'robot/my failure.robot'"
    monkeypatch.setenv("SAGE_LAB_PROVIDER", "vagrant")
    monkeypatch.setenv("SAGE_BOX", "my box")
    told = "SAGE_LAB_PROVIDER=vagrant SAGE_BOX='my box' robot --test One 'robot/my failure.robot'"
    assert failures.replay_command(failed(name="One")) == told


def test_the_evidence_says_when_the_test_began_by_the_nodes_own_clock(tmp_path: Path) -> None:
    def run(node: str, argv: list[str], timeout: float) -> SimpleNamespace:
        return SimpleNamespace(stdout=argv[2], stderr="")

    lab = cast("Lab", SimpleNamespace(nodes=[SimpleNamespace(name="worker-1")], run=run))
    collect(lab, tmp_path, time.monotonic() - 60)
    asked = (tmp_path / "worker-1" / failures.LOG).read_text()
    assert re.match(rf'date -d "6[12] seconds ago" "\+=== %F %T {failures.BEGIN}"; ', asked)
