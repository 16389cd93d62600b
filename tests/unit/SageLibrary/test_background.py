"""Operations beside the suite: begun, heard, let end, killed; and repairs counted. No node is needed for any of it."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from sage_cluster.operations.operations import Operations
from sage_cluster.supervision.process import SupervisorProcess
from SageLibrary.context import Stage
from SageLibrary.keywords.background import InterruptionKeywords
from SageLibrary.recording.verdict import InconclusiveError

SHORT = timedelta(seconds=0.3)
LONG = timedelta(seconds=20)
CONFIGURATION = "head: {{host: 127.0.0.1, ssh_port: {port}}}\nssh: {{user: nobody, connect_timeout: 60, retries: 0}}\n"


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port on loopback that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def stage(tmp_path: Path, silent_port: int) -> Stage:
    """A stage whose cluster is a file only: an operation on it is never done."""
    path = tmp_path / "config.yaml"
    path.write_text(CONFIGURATION.format(port=silent_port))
    parts = {"operations": Operations(path), "supervision": SupervisorProcess(path)}
    lab = SimpleNamespace(config_path=path)
    return cast("Stage", SimpleNamespace(lab=lab, last_result=None, results=lambda: tmp_path / "results", **parts))


@pytest.fixture
def words(stage: Stage) -> Iterator[InterruptionKeywords]:
    words = InterruptionKeywords(stage)
    yield words
    words.end_every_operation()


def result_of(stage: Stage) -> Any:
    assert stage.last_result is not None
    return stage.last_result


def test_an_operation_that_is_refused_ends_with_its_own_words(words: InterruptionKeywords, stage: Stage) -> None:
    stage.lab.config_path.write_text("head: {head_port: 0}\n")
    words.begin_operation("start")
    words.operation_should_end(LONG)
    assert not result_of(stage).success
    assert "head.head_port" in result_of(stage).message


def test_an_answer_becomes_the_last_result(words: InterruptionKeywords, stage: Stage) -> None:
    words.begin_operation("config", "path")  # something that ends soon
    words.operation_should_end(LONG)
    node = {"name": "w", "success": False, "phase": "starting", "elapsed": 1.0, "error": "w: no", "details": {}}
    answer = {"success": False, "operation": "start cluster", "nodes": [node], "elapsed": 2.0, "error": ""}
    next((stage.results() / "operations").glob("*.json")).write_text(json.dumps(answer))
    result = words.operation_should_end(LONG)
    assert [failed.name for failed in result.failed] == ["w"]
    assert (result.operation, result.message, stage.last_result) == ("start cluster", "w: no", result)


def test_an_operation_is_killed_half_way_and_the_lock_falls(words: InterruptionKeywords, stage: Stage) -> None:
    words.begin_operation("start")
    words.operation_should_say("127.0.0.1: starting", LONG)
    holder = stage.operations.current()
    assert holder is not None
    assert holder["operation"] == "start cluster"
    words.kill_the_operation()
    with stage.operations.exclusive("another"):
        pass


def test_killing_what_has_ended_is_inconclusive(words: InterruptionKeywords) -> None:
    words.begin_operation("config", "path")
    words.operation_should_end(LONG)
    with pytest.raises(InconclusiveError, match=r"^'config path' had ended"):
        words.kill_the_operation()


def test_waiting_says_what_was_said_instead(words: InterruptionKeywords) -> None:
    words.begin_operation("start")
    with pytest.raises(AssertionError, match=r"should end within 0\.3 s"):
        words.operation_should_end(SHORT)
    with pytest.raises(AssertionError, match="should be 'worker-1: starting' within"):
        words.operation_should_say("worker-1: starting", SHORT)


def test_whatever_runs_on_is_ended_in_the_teardown(words: InterruptionKeywords, stage: Stage) -> None:
    words.begin_operation("start")
    words.operation_should_say("127.0.0.1: starting", LONG)
    holder = stage.operations.current()
    assert holder is not None
    words.end_every_operation()
    assert not Path(f"/proc/{holder['pid']}").exists()
    with pytest.raises(AssertionError, match="no operation runs beside the suite"):
        words.kill_the_operation()


def test_repairs_count_from_the_moment_on(words: InterruptionKeywords, stage: Stage) -> None:
    decided = {"event": "decided", "action": "start", "reason": "its raylet ended"}
    stage.operations.journal.record(node="worker-1", **decided)
    time.sleep(0.01)
    words.note_the_moment()
    words.nothing_should_have_been_repaired()
    stage.operations.journal.record(node="worker-2", **decided)
    words.repairs_should_have_been_at_most(1)
    with pytest.raises(AssertionError, match="worker-2: start: its raylet ended"):
        words.nothing_should_have_been_repaired()


def test_a_supervisor_is_found_and_killed_and_no_other_process(words: InterruptionKeywords, stage: Stage) -> None:
    with pytest.raises(AssertionError, match="the supervisor was gone"):
        words.the_supervisor()
    supervision = stage.supervision
    process = supervision.begin()
    assert process is not None
    supervision.await_running(process)
    assert words.the_supervisor() == process.pid
    words.kill_the_supervisor()
    assert process.wait(5) == -9


def test_a_process_that_is_no_supervisor_is_not_killed(words: InterruptionKeywords, stage: Stage) -> None:
    supervision = stage.supervision
    process = supervision.begin()
    assert process is not None
    supervision.await_running(process)
    words.the_supervisor()
    stranger = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    lock = stage.lab.config_path.with_name(f".{stage.lab.config_path.name}.supervisor")
    lock.write_text(str(stranger.pid))
    with pytest.raises(AssertionError, match="should be this cluster's supervisor"):
        words.kill_the_supervisor()
    assert stranger.poll() is None
    stranger.communicate()
    lock.write_text(str(process.pid))
    supervision.end()
    process.wait(5)
