"""Operations beside the suite: begun, heard, let end, killed. No node is needed for any of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from SageLibrary.context import Stage
from SageLibrary.keywords.background import BackgroundKeywords
from SageLibrary.recording.verdict import InconclusiveError

SHORT = timedelta(seconds=0.3)
LONG = timedelta(seconds=20)


@pytest.fixture
def words(stage: Stage) -> Iterator[BackgroundKeywords]:
    words = BackgroundKeywords(stage)
    yield words
    words.end_every_operation()


def result_of(stage: Stage) -> Any:
    assert stage.last_result is not None
    return stage.last_result


def test_an_operation_that_is_refused_ends_with_its_own_words(words: BackgroundKeywords, stage: Stage) -> None:
    stage.lab.config_path.write_text("head: {head_port: 0}\n")
    words.begin_operation("start")
    words.operation_should_end(LONG)
    assert not result_of(stage).success
    assert "head.head_port" in result_of(stage).message


def test_an_answer_becomes_the_last_result(words: BackgroundKeywords, stage: Stage) -> None:
    words.begin_operation("config", "path")  # something that ends soon
    words.operation_should_end(LONG)
    node = {"name": "w", "success": False, "phase": "starting", "elapsed": 1.0, "error": "w: no", "details": {}}
    answer = {"success": False, "operation": "start cluster", "nodes": [node], "elapsed": 2.0, "error": ""}
    next((stage.results() / "operations").glob("*.json")).write_text(json.dumps(answer))
    result = words.operation_should_end(LONG)
    assert [failed.name for failed in result.failed] == ["w"]
    assert (result.operation, result.message, stage.last_result) == ("start cluster", "w: no", result)


def test_an_operation_is_killed_half_way_and_the_lock_falls(words: BackgroundKeywords, stage: Stage) -> None:
    words.begin_operation("start")
    words.operation_should_say("127.0.0.1: starting", LONG)
    holder = stage.operations.current()
    assert holder is not None
    assert holder["operation"] == "start cluster"
    words.kill_the_operation()
    with stage.operations.exclusive("another"):
        pass


def test_killing_what_has_ended_is_inconclusive(words: BackgroundKeywords) -> None:
    words.begin_operation("config", "path")
    words.operation_should_end(LONG)
    with pytest.raises(InconclusiveError, match=r"^'config path' had ended"):
        words.kill_the_operation()


def test_waiting_says_what_was_said_instead(words: BackgroundKeywords) -> None:
    words.begin_operation("start")
    with pytest.raises(AssertionError, match=r"should end within 0\.3 s"):
        words.operation_should_end(SHORT)
    with pytest.raises(AssertionError, match="should be 'worker-1: starting' within"):
        words.operation_should_say("worker-1: starting", SHORT)


def test_whatever_runs_on_is_ended_in_the_teardown(words: BackgroundKeywords, stage: Stage) -> None:
    words.begin_operation("start")
    words.operation_should_say("127.0.0.1: starting", LONG)
    holder = stage.operations.current()
    assert holder is not None
    words.end_every_operation()
    assert not Path(f"/proc/{holder['pid']}").exists()
    with pytest.raises(AssertionError, match="no operation runs beside the suite"):
        words.kill_the_operation()
