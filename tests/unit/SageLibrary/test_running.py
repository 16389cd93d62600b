"""`sage-test run`, `rerun` and `plan`, as users call them, with suites that need no machine."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner
from robot import running

from SageLibrary.running.cli import main
from SageLibrary.running.remaining import Remaining

Run = Callable[..., subprocess.CompletedProcess[str]]
START_SECONDS = 60


def test_a_run_and_then_what_failed_in_it_again(sage_test: Run, fails_once: Path, tmp_path: Path) -> None:
    first = sage_test("run", "--outputdir", "here", str(fails_once))
    assert first.returncode == 1
    lines = first.stdout.splitlines()
    assert lines[0] == "2 tests; how long they take here is known after their first run"
    assert any(line.startswith("PASS ") and line.endswith(" Good") for line in lines)
    assert any(line.startswith("FAIL ") and line.endswith(" Late") for line in lines)
    assert "               the state was 'lost', should be 'running'" in lines
    assert "verdict: FAILED" in first.stdout
    assert "\x1b" not in first.stdout
    again = sage_test("rerun", "here")
    assert again.returncode == 5, again.stdout + again.stderr
    assert (tmp_path / "here" / "attempt-1" / "log.html").exists()


def test_a_test_that_passes_when_it_is_run_again_is_a_verdict_of_its_own(
    sage_test: Run, fails_once: Path, tmp_path: Path
) -> None:
    old = tmp_path / "results" / "attempt-3"
    old.mkdir(parents=True)
    (old / "output.xml").write_text("of an earlier run")
    done = sage_test("run", str(fails_once), RERUN="3")
    assert done.returncode == 5, done.stdout + done.stderr
    assert "verdict: FLAKY" in done.stdout
    assert "flaky: Once.Late: attempt 1 failed, attempt 2 passed" in done.stdout
    page = (tmp_path / "results" / "run.html").read_text()
    assert "Flaky: 1 passed, 1 flaky." in page
    assert not old.exists()


@pytest.mark.parametrize(
    ("known", "announced"),
    [
        ((), "2 tests; how long they take here is known after their first run"),
        (("Good",), "2 tests, about 1:41 minutes (1 of them never ran here, a guess)"),
        (("Good", "Late"), "2 tests, about 2:02 minutes"),
    ],
)
def test_no_time_is_announced_that_nobody_measured(
    fails_once: Path, tmp_path: Path, known: tuple[str, ...], announced: str
) -> None:
    recorded = [{"suite": "Once", "name": name, "seconds": 61.4, "outcome": "passed"} for name in known]
    (tmp_path / "recordings.json").write_text(json.dumps({"results": recorded}))
    tests = running.TestSuite.from_file_system(fails_once).all_tests
    assert Remaining(tests, tmp_path).announced == announced


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("run", "nowhere.robot"), "'nowhere.robot' does not exist"),
        (("run", "--rerun", "-1", "."), "-1 is not in the range"),
        (("plan", "--include", "nothing", "once.robot"), "Suite 'Once' contains no tests matching tag 'nothing'."),
        (("rerun", "."), "has no output.xml"),
    ],
)
def test_wrong_usage_is_told(fails_once: Path, arguments: tuple[str, ...], words: str) -> None:
    with contextlib.chdir(fails_once.parent):
        done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 2
    assert words in done.output


@pytest.mark.parametrize("processes", ["1", "2"])
def test_what_robot_refuses_leaves_the_last_result_alone(
    sage_test: Run, fails_once: Path, tmp_path: Path, processes: str
) -> None:
    (tmp_path / "two.robot").write_text(fails_once.read_text())
    results = tmp_path / "results"
    for name in ("output.xml", "run.html", "run-attempt-1.html", "attempt-1/output.xml", "pabot_results/0/run.html"):
        (results / name).parent.mkdir(parents=True, exist_ok=True)
        (results / name).write_text("of an earlier run")
    before = {path: path.read_text() for path in results.rglob("*.*") if path.is_file()}
    done = sage_test("run", "--include", "TYPO", "once.robot", "two.robot", PROCESSES=processes)
    assert done.returncode == 2, done.stdout
    assert {path: path.read_text() for path in results.rglob("*.*") if path.is_file()} == before


def test_a_check_names_what_is_misspelt_and_leaves_results_alone(sage_test: Run, tmp_path: Path) -> None:
    suite = tmp_path / "s.robot"
    suite.write_text("*** Test Cases ***\nGood\n    No Operation\nBad\n    No Operatio\n    Lgo    ${X}\n")
    (tmp_path / "results").mkdir()
    done = sage_test("check", "s.robot")
    assert done.returncode == 1
    assert "No keyword with name 'No Operatio' found. Did you mean" in done.stdout
    assert done.stdout.endswith("2 tests, 1 of them cannot run\n")
    good = sage_test("check", "--test", "Good", "s.robot")
    assert (good.returncode, good.stdout) == (0, "1 test, nothing is misspelt\n")
    assert list((tmp_path / "results").iterdir()) == []
    assert {path.name for path in tmp_path.iterdir()} <= {"s.robot", "results", "labs"}


SUITE_OF_A_LAB = """*** Settings ***
Library    SageLibrary

*** Test Cases ***
Test
    Log    lab %{SAGE_LAB}
"""


def test_suites_side_by_side_have_a_lab_each(sage_test: Run, tmp_path: Path) -> None:
    pytest.importorskip("pabot")
    for name in ("a", "b"):
        (tmp_path / f"{name}.robot").write_text(SUITE_OF_A_LAB)
    done = sage_test("run", "--processes", "2", "a.robot", "b.robot")
    assert done.returncode == 0, done.stdout + done.stderr
    output = (tmp_path / "results" / "output.xml").read_text()
    assert "lab t-running-0" in output
    assert "lab t-running-1" in output
    assert not (tmp_path / ".pabotsuitenames").exists()
    page = (tmp_path / "results" / "run.html").read_text()
    assert "Passed: 2 passed." in page
    parts = re.findall(r'href="(pabot_results/[^"]+)"', page)
    assert [(tmp_path / "results" / part).exists() for part in parts] == [True, True]


def test_one_interruption_lets_robot_run_its_teardowns(tmp_path: Path) -> None:
    (tmp_path / "long.robot").write_text(
        "*** Settings ***\nSuite Teardown    Evaluate    open('torn_down', 'w').close()\n\n"
        "*** Test Cases ***\nLong\n    Evaluate    open('begun', 'w').close()\n    Sleep    60 s\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "SageLibrary.running.cli", "run", "long.robot"],
        cwd=tmp_path,
        env={name: value for name, value in os.environ.items() if name != "ROBOT_OPTIONS"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    deadline = time.monotonic() + START_SECONDS
    while not (tmp_path / "begun").exists():
        assert time.monotonic() < deadline, "the suite did not begin"
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal's Ctrl-C does
    said, _ = process.communicate(timeout=30)
    assert (tmp_path / "torn_down").exists()
    assert process.returncode == 1, said
    assert "verdict: FAILED" in said


def test_a_plan_names_tests_nodes_faults_and_minutes(tmp_path: Path) -> None:
    (tmp_path / "suite.robot").write_text(
        "*** Settings ***\nLibrary    SageLibrary\n\n"
        "*** Variables ***\n@{NODES}    head    worker-1\n\n"
        "*** Test Cases ***\n"
        "Breaks\n    [Tags]    destructive\n    [Template]    Fault Should Be Repaired\n"
        "    raylet killed    one worker    0 s\n    Power Cut    the head    4 s\n"
        "Pulls\n    [Tags]    slow\n    When Unplug    worker-2\n    Node Should Be Clean    @{NODES}\n"
        "Knows\n    Log    hello\n"
        "Misspelt\n    Unplugg    worker-1\n"
    )
    recorded = {"suite": "Suite", "name": "Knows", "seconds": 61.4, "outcome": "passed"}
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "recordings.json").write_text(json.dumps({"results": [recorded]}))
    with contextlib.chdir(tmp_path):
        done = CliRunner().invoke(main, ["plan", "suite.robot"])
        planned = json.loads(CliRunner().invoke(main, ["plan", "--json", "suite.robot"]).output)
    assert done.exit_code == 1
    assert "0:40  Breaks  (destructive)\n           nodes: one worker, the head" in done.output
    assert "faults: raylet killed, power cut" in done.output
    assert re.search(r"^           CANNOT RUN: .*'Unplugg'", done.output, re.MULTILINE)
    assert "4 tests, ~12:21 minutes; 3 never ran here" in done.output
    tests = {test["name"]: test for test in planned["tests"]}
    assert tests["Pulls"]["nodes"] == ["worker-2", "head", "worker-1"]
    assert tests["Pulls"]["faults"] == ["unplugged"]
    assert tests["Pulls"]["expected"] == {"seconds": 600.0, "known": False}
    assert tests["Knows"]["expected"] == {"seconds": 61.4, "known": True}
