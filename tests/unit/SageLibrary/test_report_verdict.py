"""What a test's message means, history lines, and the recorder that a listener calls."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from robot import rebot
from robot import run as robot
from robot.api import ExecutionResult, SkipExecution

from sage_cluster.config.workers import parse_worker
from sage_cluster.errors import NodeError
from sage_cluster.operations.journal import Journal
from sage_lab import Lab, Topology
from sage_lab.errors import NodeNotReadyError
from sage_lab.faults import FaultNotEffectiveError
from sage_lab.machine import kernel
from SageLibrary import SageLibrary
from SageLibrary.listeners.recorder import Files, Recorder
from SageLibrary.observers.timeline import Timeline
from SageLibrary.recording import history
from SageLibrary.recording.rows import called, named
from SageLibrary.recording.verdict import (
    BAD,
    STATUS,
    InconclusiveError,
    InfraError,
    Outcome,
    outcome_of,
    raised_by_the_lab,
    verdict_of,
)


@pytest.mark.parametrize(
    ("status", "message", "outcome"),
    [
        ("PASS", "", Outcome.PASSED),
        ("SKIP", "this lab cannot do 'delayed'", Outcome.SKIPPED),
        ("FAIL", "", Outcome.FAILED),
        ("FAIL", "the state of w1 was 'lost', should be 'running'", Outcome.FAILED),
        ("FAIL", "InconclusiveError: w1: the raylet still runs", Outcome.INCONCLUSIVE),
        ("FAIL", "InfraError: w1: no answer", Outcome.INFRA),
        ("FAIL", "InfraError: w1: no answer\n  -> look", Outcome.INFRA),
        ("FAIL", "InfraErrors are those of the lab", Outcome.FAILED),
        ("FAIL", "Parent suite setup failed:\nInfraError: w1: no space", Outcome.INFRA),
        ("FAIL", "Parent suite teardown failed:\nInfraError: w1: no answer", Outcome.INFRA),
        ("FAIL", "Setup failed:\nKeyword teardown failed:\nInfraError: w1: no answer", Outcome.INFRA),
        ("FAIL", "ClusterBusyError: the cluster is busy", Outcome.FAILED),
        ("FAIL", "the message was:\nInfraError: quoted", Outcome.FAILED),
        ("FAIL", "the state was 'lost'\n\nAlso teardown failed:\nInfraError: w1: no answer", Outcome.FAILED),
        ("FAIL", "Teardown failed:\nInfraError: w1: no answer", Outcome.INFRA),
        ("FAIL", "Several failures occurred:\n\n1) InfraError: x\n\n2) the state was 'lost'", Outcome.FAILED),
        ("FAIL", "Several failures occurred:\n\n1) InconclusiveError: x\n\n2) InfraError: y", Outcome.INFRA),
        (
            "FAIL",
            "Several failures occurred:\n\n1) InconclusiveError: x\n\n2) InconclusiveError: y",
            Outcome.INCONCLUSIVE,
        ),
        ("FAIL", "my robot/a.robot:7 isolated, w1: InfraError: w1: no answer", Outcome.INFRA),
        ("FAIL", "my robot/a.robot:7: InconclusiveError: nobody was away", Outcome.INCONCLUSIVE),
        ("FAIL", "my robot/a.robot:7 isolated, w1: it said: InfraError: w1: no answer", Outcome.FAILED),
    ],
)
def test_the_outcome_of_a_test(status: str, message: str, outcome: Outcome) -> None:
    assert outcome_of(status, message) is outcome


@pytest.mark.parametrize(
    ("outcomes", "verdict", "status"),
    [
        ([Outcome.PASSED, Outcome.SKIPPED], Outcome.PASSED, 0),
        ([Outcome.PASSED, Outcome.INFRA, Outcome.FAILED, Outcome.INCONCLUSIVE], Outcome.FAILED, 1),
        ([Outcome.INCONCLUSIVE, Outcome.INFRA, Outcome.PASSED], Outcome.INFRA, 3),
        ([Outcome.PASSED, Outcome.INCONCLUSIVE], Outcome.INCONCLUSIVE, 4),
        ([Outcome.SKIPPED], Outcome.INCONCLUSIVE, 4),
        ([], Outcome.INCONCLUSIVE, 4),
    ],
)
def test_the_verdict_of_a_run_is_the_gravest(outcomes: list[Outcome], verdict: Outcome, status: int) -> None:
    assert (verdict_of(outcomes), STATUS[verdict]) == (verdict, status)


def summary(suite: str, passed: int) -> dict[str, object]:
    return {"time": "t", "suite": suite, "tests": 4, "passed": passed, "skipped": 0}


def test_the_history_keeps_runs_of_each_suite_apart(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "history.jsonl"
    for suite, passed in [("A", 1), ("B", 2), ("A", 3)]:
        history.append(path, summary(suite, passed))
    assert [run["passed"] for run in history.past_runs(path, "A")] == [1, 3]
    assert history.past_runs(tmp_path / "none.jsonl", "A") == []


def test_a_torn_line_of_the_history_spoils_no_other(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    path.write_text('{"time": "t", "sui')
    history.append(path, summary("A", 4))
    assert [run["passed"] for run in history.past_runs(path, "A")] == [4]


def test_the_pass_rate_leaves_out_what_was_skipped() -> None:
    assert history.pass_rate({"tests": 5, "passed": 3, "skipped": 1}) == 75.0
    assert history.pass_rate({"tests": 2, "passed": 0, "skipped": 2}) is None


def test_a_recorder_leaves_a_page_the_recordings_and_a_line_of_history(tmp_path: Path) -> None:
    timeline = Timeline()
    recorder = Recorder(timeline)
    files = Files.of(tmp_path / "config.yaml", tmp_path)
    assert files == Files(Journal(tmp_path / "config.yaml").path, tmp_path / "faults.jsonl")
    timeline.record("w1", "running")
    for name, status, message in [("One", "PASS", ""), ("Two", "FAIL", "InfraError: no answer")]:
        recorder.start_test(name, "Robot.Failure")
        timeline.record("w1", "hung")
        recorder.end_test(name, "Robot.Failure", status, message, files)
    page = recorder.close(tmp_path / "out")
    assert page == tmp_path / "out" / "run.html"
    assert page.read_text().startswith("<!DOCTYPE html>")
    content = json.loads((tmp_path / "out" / "recordings.json").read_text())
    assert (content["suite"], content["tests"], content["passed"], content["infra"]) == ("Robot", 2, 1, 1)
    first, second = content["results"]
    assert [state["state"] for state in first["states"]] == ["running", "hung"]
    assert [(state["state"], state["at"]) for state in second["states"]] == [("hung", 0.0)]
    (line,) = (tmp_path / "out" / "history.jsonl").read_text().splitlines()
    assert json.loads(line) == {key: value for key, value in content.items() if key not in {"results", "measures"}}


def test_a_recorder_without_tests_writes_nothing(tmp_path: Path) -> None:
    assert Recorder(Timeline()).close(tmp_path) is None
    assert list(tmp_path.iterdir()) == []


def test_a_test_that_was_not_started_cannot_end() -> None:
    with pytest.raises(RuntimeError, match="call start_test first"):
        Recorder(Timeline()).end_test("One", "Robot", "PASS", "", None)


def test_an_error_that_nobody_foresaw_is_that_of_whoever_raised_it_last() -> None:
    with pytest.raises(OSError, match="/nowhere") as of_the_lab:
        kernel.umount(Path("/nowhere"))
    with pytest.raises(ValueError, match="port") as of_the_managers:
        parse_worker("host:port")
    assert raised_by_the_lab(of_the_lab.value)
    assert not raised_by_the_lab(of_the_managers.value)
    assert not raised_by_the_lab(ValueError())


def test_such_an_error_of_the_lab_is_infra(monkeypatch: pytest.MonkeyPatch) -> None:
    library = SageLibrary()
    monkeypatch.setattr(Lab, "up", lambda *_, **__: kernel.umount(Path("/nowhere")))
    with pytest.raises(InfraError, match=r"^\w+Error: .*/nowhere"):
        library.run_keyword("bring_the_lab_up", [2])


@pytest.mark.parametrize(
    ("raised", "judged_as"),
    [
        (FaultNotEffectiveError("the raylet still runs", where="w1"), InconclusiveError),
        (NodeNotReadyError("no answer", where="w1"), InfraError),
        (InfraError("no room"), InfraError),
        (InconclusiveError("nobody was away"), InconclusiveError),
        (NodeError("no room", where="w1"), NodeError),
        (AssertionError("the state was 'lost'"), AssertionError),
        (SkipExecution("this lab cannot"), SkipExecution),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_what_a_word_raises_is_judged_at_the_one_gate(
    monkeypatch: pytest.MonkeyPatch, raised: Exception, judged_as: type[Exception]
) -> None:
    def up(*_: object, **__: object) -> Lab:
        raise raised

    monkeypatch.setattr(Lab, "up", up)
    with pytest.raises(judged_as) as caught:
        SageLibrary().run_keyword("bring_the_lab_up", [2])
    assert type(caught.value) is judged_as
    assert str(caught.value) == str(raised)


SUITE = """*** Settings ***
Library    SageLibrary
Test Template    Bring The Lab Up

*** Test Cases ***
Nothing Is Wrong
    [Template]
    No Operation
The Cluster Is Wrong                1
The Managers Are Wrong              2
The Fault Did Not Take Effect       3
Nothing Was Seen                    4
The Lab Broke                       5
The Lab Broke Where None Foresaw    6
This Machine Is Too Small           7
One Row Shows The Cluster Wrong
    3
    5
    1
No Row Shows It
    3
    5
A Setup Met It
    [Setup]    Bring The Lab Up    5
    [Template]
    No Operation
A Teardown Met It
    [Template]
    No Operation
    [Teardown]    Bring The Lab Up    3
It Was Expected
    [Template]
    Run Keyword And Expect Error    InfraError: w1: no answer*    Bring The Lab Up    5
"""
RAISED = (
    AssertionError("the state was 'lost'"),
    NodeError("no room", where="w1"),
    FaultNotEffectiveError("the raylet still runs", where="w1"),
    InconclusiveError("no worker was seen away"),
    NodeNotReadyError("no answer", where="w1", fix="look"),
    None,
    InfraError("1 MiB of memory are free"),
)
OUTCOMES = {
    "Nothing Is Wrong": Outcome.PASSED,
    "The Cluster Is Wrong": Outcome.FAILED,
    "The Managers Are Wrong": Outcome.FAILED,
    "The Fault Did Not Take Effect": Outcome.INCONCLUSIVE,
    "Nothing Was Seen": Outcome.INCONCLUSIVE,
    "The Lab Broke": Outcome.INFRA,
    "The Lab Broke Where None Foresaw": Outcome.INFRA,
    "This Machine Is Too Small": Outcome.INFRA,
    "One Row Shows The Cluster Wrong": Outcome.FAILED,
    "No Row Shows It": Outcome.INFRA,
    "A Setup Met It": Outcome.INFRA,
    "A Teardown Met It": Outcome.INCONCLUSIVE,
    "It Was Expected": Outcome.PASSED,
}


def test_every_verdict_of_a_run_follows_from_what_its_keywords_raised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def up(topology: Topology, **_: Any) -> None:
        error = RAISED[len(topology.workers) - 1]
        if error:
            raise error
        kernel.umount(Path("/nowhere"))

    monkeypatch.setattr(Lab, "up", up)
    monkeypatch.setattr(Topology, "of", lambda workers, **_: SimpleNamespace(workers=range(workers)))
    (tmp_path / "all.robot").write_text(SUITE)
    robot(str(tmp_path / "all.robot"), outputdir=str(tmp_path), log=None, report=None, console="none")
    rebot(str(tmp_path / "output.xml"), outputdir=str(tmp_path), output="again.xml", log=None, report=None, stdout=None)
    for output in ("output.xml", "again.xml"):
        tests = list(ExecutionResult(tmp_path / output).suite.all_tests)
        assert {test.name: outcome_of(test.status, test.message) for test in tests} == OUTCOMES
        tags = {test.name: set(test.tags) for test in tests}
        assert tags == {
            name: {f"verdict-{outcome}"} if outcome in BAD[1:] else set() for name, outcome in OUTCOMES.items()
        }
    recorded = json.loads((tmp_path / "recordings.json").read_text())["results"]
    assert {test["name"]: test["outcome"] for test in recorded} == OUTCOMES
    messages = {test["name"]: test["message"] for test in recorded}
    place = os.path.relpath(tmp_path / "all.robot")
    assert messages["The Lab Broke"] == f"{place}:13 5: InfraError: w1: no answer\n  -> look"
    assert re.match(rf"{place}:14 6: InfraError: \w+Error: .*/nowhere", messages["The Lab Broke Where None Foresaw"])
    assert messages["A Setup Met It"] == "Setup failed:\nInfraError: w1: no answer\n  -> look"
    assert messages["One Row Shows The Cluster Wrong"] == (
        "Several failures occurred:\n\n"
        f"1) {place}:17 3: InconclusiveError: w1: the raylet still runs\n\n"
        f"2) {place}:18 5: InfraError: w1: no answer\n  -> look\n\n"
        f"3) {place}:19 1: the state was 'lost'"
    )


def test_a_row_is_called_by_its_place_and_words_in_one_line() -> None:
    assert called("robot/failure.robot", 37, ("raylet killed", "worker-2", "noticed=1 ms")) == (
        "robot/failure.robot:37 raylet killed, worker-2, noticed=1 ms"
    )
    assert called("a.robot", 3, ()) == "a.robot:3"
    assert called("a.robot", 3, ("it said: no", "two\n lines")) == "a.robot:3 it said:no, two lines"
    assert len(called("a.robot", 3, ("word",) * 99)) < 140


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("late", "late"),
        ("a timeout\n\nAlso teardown failed:\nno lab", "a timeout\n\nAlso teardown failed:\nno lab"),
        ("", ""),
        ("it was late\n\nAlso teardown failed:\nno lab", "row 1: it was late\n\nAlso teardown failed:\nno lab"),
    ],
)
def test_only_what_a_row_said_gets_its_name(message: str, expected: str) -> None:
    assert named(message, [("row 1", "it was late")]) == expected


def test_a_row_with_two_failures_names_itself_before_each() -> None:
    several = "Several failures occurred:\n\n1) one\n\n2) two"
    assert named(several, [("row", several)]) == "Several failures occurred:\n\n1) row: one\n\n2) row: two"
