"""The journal: no event is lost or torn by others, and no damage of it ends what is done on the cluster."""

from __future__ import annotations

import json
import logging
import multiprocessing
import os
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from sage_cluster.cli.main import main
from sage_cluster.operations import journal as journal_module
from sage_cluster.operations.journal import Journal
from sage_cluster.operations.operations import Operations
from sage_cluster.supervision.incidents import last_incidents

WRITERS = 4
EVENTS = 60


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "config.yaml"


def write(config: Path, writer: int, size: int) -> None:
    journal = Journal(config)
    for number in range(EVENTS):
        journal.record("event", writer=writer, number=number, filling="x" * size)


def write_at_once(config: Path, size: int) -> set[tuple[int, int]]:
    """By several processes; the events that are in the journal and its older half."""
    fork = multiprocessing.get_context("fork")
    writers = [fork.Process(target=write, args=(config, number, size)) for number in range(WRITERS)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    assert [writer.exitcode for writer in writers] == [0] * WRITERS
    files = [path for path in config.parent.iterdir() if path.name.endswith(".jsonl")]
    events = [json.loads(line) for path in files for line in path.read_text().splitlines()]
    return {(event["writer"], event["number"]) for event in events}


def all_of_them() -> set[tuple[int, int]]:
    return {(writer, number) for writer in range(WRITERS) for number in range(EVENTS)}


def test_a_rotation_by_several_writers_loses_nothing(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is rotated once while all write: whoever rotates again at once would throw the older half away."""
    monkeypatch.setattr(journal_module, "ROTATE_BYTES", WRITERS * EVENTS * 200)
    assert write_at_once(config, 200) == all_of_them()
    assert config.with_name("config.journal.old.jsonl").exists()


def test_long_events_are_not_torn_by_neighbours(config: Path) -> None:
    assert write_at_once(config, 20_000) == all_of_them()


@pytest.mark.parametrize(
    "line",
    [
        "123",
        "null",
        "[]",
        "{}",
        '{"event": "x"}',
        '{"time": 1, "monotonic": 1, "event": "x"}',
        '{"time": "t", "monotonic": "m", "event": "x"}',
        '{"time": "t", "monotonic": 1, "event": "observed", "node": ["a"], "state": "lost"}',
        '{"time": "t", "monotonic": 1, "event": "result", "success": []}',
        "[" * 100_000,
        "\x00" * 50,
    ],
)
def test_a_line_that_is_no_event_is_passed_over(config: Path, line: str, caplog: pytest.LogCaptureFixture) -> None:
    config.write_text("head: {host: h}\n")
    journal = Journal(config)
    journal.record("one")
    with journal.path.open("a") as file:
        file.write(line + "\n")
    journal.record("two")
    with caplog.at_level(logging.WARNING):
        assert [event["event"] for event in journal.last()] == ["one", "two"]
    assert f"{journal.path}: 1 lines are no events" in caplog.text
    last_incidents(journal.last())
    told = CliRunner().invoke(main, ["--config", str(config), "journal"], catch_exceptions=False)
    assert (told.exit_code, [line.split()[-1] for line in told.output.splitlines()][-2:]) == (0, ["one", "two"])


def test_an_observation_that_does_not_say_of_what_is_no_trouble() -> None:
    event = {"time": "t", "monotonic": 1.0, "event": "observed", "node": "a"}
    assert last_incidents([event]) == {}
    assert last_incidents([{**event, "state": "lost"}])["a"].reason == ""


def test_a_journal_that_cannot_be_written_is_a_warning_and_the_lock_is_let_go(
    config: Path, caplog: pytest.LogCaptureFixture
) -> None:
    operations = Operations(config)
    operations.journal.path.symlink_to("/dev/full")
    with caplog.at_level(logging.WARNING), operations.exclusive("start cluster"):
        assert operations.current()
    assert "'begin' cannot be written into the journal: No space left on device" in caplog.text
    assert (operations.current(), operations.interrupted()) == (None, None)


def test_a_journal_that_raises_leaves_no_name_in_the_lock(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    operations = Operations(config)
    monkeypatch.setattr(operations.journal, "record", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError), operations.exclusive("start cluster"):
        pass
    assert (operations.current(), operations.interrupted()) == (None, None)


def test_a_pipe_or_a_directory_in_its_place_holds_up_nobody(config: Path) -> None:
    journal = Journal(config)
    os.mkfifo(journal.path)
    assert journal.last() == []
    journal.path.unlink()
    journal.path.mkdir()
    journal.record("one")
    assert journal.last() == []


def test_a_stopped_writer_holds_up_others_only_for_a_moment(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_module, "LOCK_SECONDS", 0.2)
    journal = Journal(config)
    began = time.monotonic()
    with journal._lock.held("write the journal"):
        Journal(config).record("one")
    assert time.monotonic() - began < 5
    assert [event["event"] for event in journal.last()] == ["one"]
