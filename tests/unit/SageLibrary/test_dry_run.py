"""A dry run names each mistake of a table or test: the file, the line, and the nearest right word."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.robot_runs import ROOT, dry_run

HEAD = [
    "*** Settings ***",
    f"Resource    {ROOT}/resources/cluster.resource",
    "*** Test Cases ***",
]
MISTAKES = {
    "Inject Fault    raylet kiled    one worker": "kind: 'raylet kiled' is no fault; did you mean 'raylet killed'?",
    "Inject Fault    frozen    one wroker": "target: 'one wroker' is no target; did you mean 'one worker'?",
    "Inject Fault    frozen    wroker-3": "target: 'wroker-3' is no target; did you mean 'worker-3'?",
    "Given Node Should Be    wroker-1    running": "node: 'wroker-1' is no node; did you mean 'worker-1'?",
    "Node Should Be    worker-1    runing": "state: 'runing' is no state of a node; did you mean 'running'?",
    "Node Should Be    head    running    within=5 secnds": "'5 secnds' is no time; did you mean 'seconds'?",
    "Node Should Be Supervised As    head    lots    3 s": "state: 'lots' is no state of a supervised node; did you",
    "Connecting Should Fail    wrng key    head": "'wrng key' is no problem of SSH; did you mean 'wrong key'?",
    "Scale The Cluster    add    new-wroker:22": "'new-wroker:22' is no node; did you mean 'new-worker'?",
    "Node Should Bee    head": "Did you mean:\n    SageLibrary.Node Should Be",
    "Node Should Be    head": "expected 2 to 3 arguments, got 1",
    "Run On Node    head    true    timeout=half a day": "timeout: 'half a day' is no time",
}
RIGHT = [
    "Inject Fault    Read-Only Temp Dir    worker-17",
    "Node Should Be    new-worker    cut off    within=1 min 30 s",
    "Node Should Be    HEAD    running    within=5",
    "Scale The Cluster    add    198.18.1.99:2222",
    "Connecting Should Fail    unknown host    no-such-node",
    "Run On Node    ${ANY NODE}    true    timeout=0.5s",
]


def said_of(suite: Path) -> str:
    done = dry_run(suite.name, "--output", "none", "--log", "none", "--report", "none", cwd=suite.parent)
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> str:
    directory = tmp_path_factory.mktemp("dry")
    suite = directory / "lines.robot"
    lines = [*MISTAKES, *RIGHT]
    suite.write_text("\n".join([*HEAD, *(f"Line {n}\n    {line}" for n, line in enumerate(lines))]) + "\n")
    return said_of(suite)


@pytest.mark.parametrize("line", MISTAKES)
def test_a_mistake_has_its_place_and_the_nearest_right_word(line: str, said: str) -> None:
    row = len(HEAD) + 2 * list(MISTAKES).index(line) + 2
    (found,) = [part for part in said.split("lines.robot:")[1:] if part.startswith(f"{row}: ")]
    assert MISTAKES[line] in found


def test_what_is_right_passes(said: str) -> None:
    assert f"{len(MISTAKES) + len(RIGHT)} tests, {len(RIGHT)} passed, {len(MISTAKES)} failed" in said


def test_every_bad_row_of_a_table_is_named(tmp_path: Path) -> None:
    suite = tmp_path / "table.robot"
    rows = ["    [Template]    Inject Fault", "    # FAULT    TARGET", "    frozn    head", "    frozen    hed"]
    suite.write_text("\n".join([*HEAD, "Table", *rows]) + "\n")
    found = said_of(suite)
    assert "table.robot:7: kind: 'frozn' is no fault; did you mean 'frozen'?" in found
    assert "table.robot:8: target: 'hed' is no target; did you mean 'head'?" in found


def test_a_mistake_in_the_setup_of_a_suite_has_its_place(tmp_path: Path) -> None:
    suite = tmp_path / "setup.robot"
    suite.write_text(
        "\n".join([*HEAD[:2], "Suite Setup    Bring The Lap Up", HEAD[2], "Test", "    Stop The Head"]) + "\n"
    )
    assert "setup.robot:3: No keyword with name 'Bring The Lap Up' found." in said_of(suite)


def test_a_mistake_inside_a_keyword_has_the_place_of_that_keyword(tmp_path: Path) -> None:
    suite = tmp_path / "own.robot"
    own = ["Test", "    Own Word", "*** Keywords ***", "Own Word", "    Node Should Be    head    asleep"]
    suite.write_text("\n".join([*HEAD, *own]) + "\n")
    assert "own.robot:8: state: 'asleep' is no state of a node" in said_of(suite)
