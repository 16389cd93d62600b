"""The keyword library as editors, libdoc and dry runs see it: documented, typed, and touching no machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from robot.api import ExecutionResult
from robot.libdocpkg import LibraryDocumentation

from tests.support.robot_runs import run_module

LIBRARY: dict[str, Any] = json.loads(LibraryDocumentation("SageLibrary").to_json())
KEYWORDS: list[dict[str, Any]] = LIBRARY["keywords"]


def run(*arguments: str, home: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        env={**os.environ, "SAGE_LAB_HOME": str(home / "labs"), "HOME": str(home)},
        cwd=home,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )


def test_libdoc_lists_the_words_and_makes_nothing(tmp_path: Path) -> None:
    listed = run("-m", "robot.libdoc", "SageLibrary", "list", home=tmp_path).stdout.splitlines()
    assert {"Bring The Lab Up", "Start The Cluster", "Node Should Be"} <= set(listed)
    assert list(tmp_path.iterdir()) == []


def test_making_the_library_makes_nothing_and_starts_no_thread(tmp_path: Path) -> None:
    program = (
        "import threading; from SageLibrary import SageLibrary; library = SageLibrary(); "
        "print(threading.active_count(), len(library.get_keyword_names()))"
    )
    threads, keywords = run("-c", program, home=tmp_path).stdout.split()
    assert (threads, int(keywords)) == ("1", len(KEYWORDS))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("keyword", KEYWORDS, ids=lambda keyword: keyword["name"])
def test_a_keyword_is_documented_and_its_arguments_are_typed(keyword: dict[str, Any]) -> None:
    assert len(keyword["shortdoc"]) > 10
    assert keyword["shortdoc"].endswith("."), "the first line is not a sentence"
    untyped = [argument["name"] for argument in keyword["args"] if not argument["type"]]
    assert not untyped


def test_no_two_words_are_one_and_the_library_says_what_it_is() -> None:
    names = [keyword["name"].replace(" ", "").lower() for keyword in KEYWORDS]
    assert len(names) == len(set(names)) > 30
    assert LIBRARY["scope"] == "GLOBAL"
    assert "touches no machine" in LIBRARY["doc"]


FAILURES = {
    "Start The Cluster": "there is no cluster yet; the suite needs 'Suite Setup",
    "Unplug    worker-1": "there is no lab yet; the suite needs 'Suite Setup",
    "The Operation Should Succeed": "no operation was run yet",
    "Node Should Be    head    sleeping": "'sleeping' is no state of a node",
    "Node Should Be    head    runing": "did you mean 'running'?",
    "Inject Fault    raylet kiled    head": "'raylet kiled' is no fault; did you mean 'raylet killed'?",
    "Inject Fault    raylet killed    heda": "'heda' is no target; did you mean 'head'?",
    "Scale The Cluster    grow    a:22": "cannot be converted to 'add' or 'remove'",
    "Workers Should Load As    workers_ssh_hosts: a    b:22": "the workers were 'a:22', should be 'b:22'",
    "File Should Be Refused    head: {host: h}": "the file was loaded, should be refused",
    "File Should Be Refused    head: {head_port: 0}    nonsense": "should contain ['nonsense']",
    "Setting Should Be Refused    head.head_port    6400": "head.head_port: 6400 was accepted, should be refused",
    "Adding A Worker Should Give    workers_ssh_hosts: a    a    x": "a was there already, should be new",
}
GOOD = [
    "Workers Should Load As    workers_ssh_hosts: a,b:2222    a:22, b:2222",
    "File Should Be Refused    head: {head_port: 0}    head.head_port",
    "Setting Should Be Refused    head.head_port    99999    65535",
    "Adding A Worker Should Give    workers_ssh_hosts: a    b    workers_ssh_hosts: a,b:22",
    "Removing A Worker Should Give    workers_ssh_hosts: a,b    b    workers_ssh_hosts: a",
    "Writers At Once Should Lose Nothing    5",
]


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[str, str]]:
    """Runs each line as a test of its own, without a lab: its status and message."""
    home = tmp_path_factory.mktemp("run")
    suite = ["*** Settings ***", "Library    SageLibrary", "*** Test Cases ***"]
    lines = [*FAILURES, *GOOD]
    for number, line in enumerate(lines):
        suite += [f"Line {number}", f"    {line}"]
    (home / "lines.robot").write_text("\n".join(suite) + "\n")
    run_module("robot", "--outputdir", "out", "lines.robot", cwd=home, SAGE_LAB_HOME=str(home / "labs"))
    assert not (home / "labs").exists()
    tests = ExecutionResult(str(home / "out/output.xml")).suite.tests
    return {line: (test.status, test.message) for line, test in zip(lines, tests, strict=True)}


@pytest.mark.parametrize("line", FAILURES)
def test_a_failing_word_says_what_was_and_what_should_be(line: str, outcomes: dict[str, tuple[str, str]]) -> None:
    status, message = outcomes[line]
    assert status == "FAIL"
    assert FAILURES[line] in message


@pytest.mark.parametrize("line", GOOD)
def test_a_true_sentence_passes(line: str, outcomes: dict[str, tuple[str, str]]) -> None:
    assert outcomes[line] == ("PASS", "")
