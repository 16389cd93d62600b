"""One operation at a time, between real threads and processes; and the journal."""

from __future__ import annotations

import fcntl
import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sage_cluster.errors import ClusterBusyError, NodeError
from sage_cluster.model import NodeResult, OperationResult
from sage_cluster.operations import journal
from sage_cluster.operations.operations import Operations
from sage_cluster.state import lock as lock_module
from sage_cluster.state.holder import myself

HOLD = (
    "import sys; from pathlib import Path; from sage_cluster.operations.operations import Operations\n"
    "with Operations(Path(sys.argv[1])).exclusive('start cluster'):\n"
    "    print('held', flush=True); sys.stdin.read()\n"
)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "config.yaml"


@contextmanager
def another_process(config: Path) -> Iterator[subprocess.Popen[str]]:
    # A process that is killed leaves broken coverage data: it is not measured.
    environ = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(config)],
        env=environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        try:
            assert process.stdout.readline() == "held\n"
            yield process
        finally:
            process.kill()


@contextmanager
def another_thread(operations: Operations) -> Iterator[threading.Event]:
    held, release = threading.Event(), threading.Event()

    def hold() -> None:
        with operations.exclusive("stop cluster"):
            held.set()
            release.wait(30)

    thread = threading.Thread(target=hold)
    thread.start()
    assert held.wait(10)
    try:
        yield release
    finally:
        release.set()
        thread.join(10)


def check_busy(error: ClusterBusyError, operation: str, pid: int) -> None:
    text = str(error)
    assert f"cannot scale: the cluster is busy with '{operation}' by process {pid} on " in text
    since = re.search(r"since (\S+)", text)
    assert since
    assert abs(datetime.now(UTC) - datetime.fromisoformat(since[1])) < timedelta(minutes=2)
    assert "--wait" in error.fix


def test_another_process_is_busy_and_named(config: Path) -> None:
    with another_process(config) as holder:
        with pytest.raises(ClusterBusyError) as caught, Operations(config).exclusive("scale"):
            pass
        check_busy(caught.value, "start cluster", holder.pid)


@pytest.mark.parametrize("shared", [True, False], ids=["one object", "two objects"])
def test_another_thread_is_busy_and_named(config: Path, shared: bool) -> None:
    operations = Operations(config)
    mine = operations if shared else Operations(config)
    with another_thread(operations):
        with pytest.raises(ClusterBusyError) as caught, mine.exclusive("scale"):
            pass
        check_busy(caught.value, "stop cluster", os.getpid())


def test_one_that_is_just_beginning_is_named(config: Path) -> None:
    operations = Operations(config)
    lock = config.with_name(f".{config.name}.operation")
    with lock.open("w+") as beginning:
        fcntl.flock(beginning, fcntl.LOCK_EX)
        holder = myself("start cluster")

        def say() -> None:
            beginning.write(json.dumps(holder))
            beginning.flush()

        soon = threading.Timer(0.3, say)
        soon.start()
        with pytest.raises(ClusterBusyError, match=f"'start cluster' by process {os.getpid()} "):
            operations.exclusive("stop cluster").__enter__()
        soon.join()


def test_one_that_is_just_ending_is_no_hindrance(config: Path) -> None:
    lock = config.with_name(f".{config.name}.operation").open("w+")
    fcntl.flock(lock, fcntl.LOCK_EX)
    soon = threading.Timer(0.3, lock.close)
    soon.start()
    with Operations(config).exclusive("stop cluster"):
        pass
    soon.join()


def test_one_that_never_says_who_it_is_is_no_reason_to_wait_for_ever(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock_module, "NAME_SECONDS", 0.2)
    with config.with_name(f".{config.name}.operation").open("w+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(ClusterBusyError, match="busy with another operation, which does not say whose it is"):
            Operations(config).exclusive("stop cluster").__enter__()


def test_waiting_ends_when_the_other_does(config: Path) -> None:
    operations = Operations(config)
    with another_thread(operations) as release:
        threading.Timer(0.2, release.set).start()
        with operations.exclusive("scale", wait=20.0):
            assert [e["operation"] for e in operations.journal.last() if e["event"] == "end"] == ["stop cluster"]


def test_waiting_ends_at_its_deadline(config: Path) -> None:
    began = time.monotonic()
    with another_process(config), pytest.raises(ClusterBusyError), Operations(config).exclusive("scale", wait=0.3):
        pass
    assert time.monotonic() - began >= 0.3


def test_a_holder_killed_with_9_does_not_block(config: Path) -> None:
    with another_process(config) as holder:
        holder.kill()
        holder.wait(10)
        with Operations(config).exclusive("stop cluster"):
            with pytest.raises(ClusterBusyError) as caught, Operations(config).exclusive("scale"):
                pass
            check_busy(caught.value, "stop cluster", os.getpid())


def test_a_failed_operation_lets_go(config: Path) -> None:
    operations = Operations(config)
    with pytest.raises(ZeroDivisionError), operations.exclusive("start"):
        raise ZeroDivisionError
    with another_process(config):
        pass
    assert [e["event"] for e in operations.journal.last()][:2] == ["begin", "end"]


def test_parts_of_an_operation_may_begin_within_it(config: Path) -> None:
    operations = Operations(config)
    with operations.exclusive("restart cluster"):
        with operations.exclusive("stop head"), operations.exclusive("stop workers"):
            pass
        other = Operations(config)
        with pytest.raises(ClusterBusyError, match="restart cluster"), other.exclusive("scale"):
            pass
    with Operations(config).exclusive("scale"):
        pass
    with another_process(config), pytest.raises(ClusterBusyError), operations.exclusive("stop head"):
        pass
    begun = [e["operation"] for e in operations.journal.last() if e["event"] == "begin"]
    assert begun == ["restart cluster", "scale", "start cluster"]


def test_two_clusters_do_not_block_each_other(tmp_path: Path) -> None:
    with (
        another_process(tmp_path / "one.yaml"),
        Operations(tmp_path / "two.yaml").exclusive("start"),
        Operations(tmp_path / "other/one.yaml").exclusive("start"),
    ):
        pass


def test_the_journal_tells_what_was_done(config: Path) -> None:
    operations = Operations(config)
    with operations.exclusive("start cluster"):
        operations.journal.record("retry", node="w1", path=Path("/x"))
    begin, retry, end = operations.journal.last()
    assert (begin["event"], begin["operation"], begin["pid"]) == ("begin", "start cluster", os.getpid())
    assert (retry["event"], retry["node"], retry["path"]) == ("retry", "w1", "/x")
    assert (end["event"], end["operation"]) == ("end", "start cluster")
    assert end["seconds"] >= 0
    assert datetime.fromisoformat(begin["time"]).tzinfo
    assert [e["event"] for e in operations.journal.last(1)] == ["end"]


def test_without_a_journal_there_are_no_events(config: Path) -> None:
    assert Operations(config).journal.last() == []


def test_a_line_cut_off_by_a_crash_is_passed_over(config: Path) -> None:
    operations = Operations(config)
    operations.journal.record("one")
    with operations.journal.path.open("a") as file:
        file.write('{"time": "2026-01-01T00:00')
    assert [e["event"] for e in operations.journal.last()] == ["one"]


def test_an_event_after_a_cut_off_line_is_not_lost(config: Path) -> None:
    operations = Operations(config)
    operations.journal.record("one")
    with operations.journal.path.open("a") as file:
        file.write('{"time": "2026-01-01T00:00')
    operations.journal.record("two")
    operations.journal.record("three")
    assert [e["event"] for e in operations.journal.last()] == ["one", "two", "three"]


def test_a_journal_that_grew_too_long_begins_anew_and_the_old_is_kept(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "ROTATE_BYTES", 1000)
    operations = Operations(config)
    for number in range(20):
        operations.journal.record("event", number=number, filling="x" * 100)
    old = config.with_name("config.journal.old.jsonl")
    kept = [json.loads(line)["number"] for line in old.read_text().splitlines()]
    new = [e["number"] for e in operations.journal.last()]
    assert operations.journal.path.stat().st_size < 1500
    assert new == list(range(kept[-1] + 1, 20))


def test_no_events_are_asked_for_and_none_given(config: Path) -> None:
    operations = Operations(config)
    operations.journal.record("one")
    assert operations.journal.last(0) == []


def test_a_torn_operation_is_told_until_the_next_one_begins_and_then_by_the_journal(config: Path) -> None:
    operations = Operations(config)
    with another_process(config) as holder:
        assert (operations.interrupted(), (operations.current() or {})["pid"]) == (None, holder.pid)
        holder.kill()
        holder.wait(10)
    assert operations.current() is None
    torn = operations.interrupted()
    assert torn
    assert (torn["operation"], torn["pid"]) == ("start cluster", holder.pid)
    with Operations(config).exclusive("stop cluster"):
        assert operations.interrupted() is None
    assert operations.interrupted() is None
    _, told, *_ = operations.journal.last()
    assert (told["event"], told["operation"]) == ("torn", "start cluster")
    assert told["reason"] == f"an operation of process {holder.pid} did not end"
    assert [e["event"] for e in operations.journal.last()].count("torn") == 1


def test_a_process_that_got_the_pid_of_a_torn_operation_is_not_taken_for_it(config: Path) -> None:
    operations = Operations(config)
    lock = config.with_name(".config.yaml.operation")
    holder = {**myself("start cluster"), "start": 1}
    lock.write_text(json.dumps(holder))
    assert operations.current() is None
    assert operations.interrupted() == holder


def test_only_the_end_of_a_long_journal_is_read(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "BLOCK_BYTES", 64)
    operations = Operations(config)
    for number in range(50):
        operations.journal.record("event", number=number, filling="ä" * 30)
    assert [e["number"] for e in operations.journal.last(3)] == [47, 48, 49]
    assert [e["number"] for e in operations.journal.last(500)] == list(range(50))


def test_the_result_of_each_whole_operation_stands_in_the_journal_once(config: Path) -> None:
    operations = Operations(config)
    good, bad = NodeResult("a", True, "running"), NodeResult("b", False, "starting", error="b: no room")

    def parts() -> list[NodeResult | OperationResult]:
        return [good, operations.run("start workers", lambda: [bad])]

    result = operations.run("start cluster", parts)
    assert (result.nodes, result.success) == ((good, bad), False)
    (told,) = [event for event in operations.journal.last() if event["event"] == "result"]
    assert (told["operation"], told["success"]) == ("start cluster", False)
    assert [node["name"] for node in told["nodes"]] == ["a", "b"]


def test_what_goes_wrong_as_a_whole_is_the_results_error_and_in_the_journal(config: Path) -> None:
    def work() -> list[NodeResult]:
        raise NodeError("the head does not run", where="head")

    result = Operations(config).run("start workers", work)
    assert result.error == "head: the head does not run"
    assert Operations(config).journal.last(1)[0]["event"] == "end"
    assert "the head does not run" in Operations(config).journal.last(2)[0]["error"]
