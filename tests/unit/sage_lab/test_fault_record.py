"""Active faults in the ledger, their events, and how a sweep treats them."""

import subprocess
from pathlib import Path

import pytest

from sage_lab.faults import FaultError, FaultKind, events, record
from sage_lab.faults.record import Record
from sage_lab.ledger import UNDOERS, Ledger
from sage_lab.machine import commands

ONE = Record("aa", FaultKind.ISOLATED, ("worker-1",), {}, 300.0, {"worker-1": {"table": "sage_fault_aa"}})
TWO = Record("bb", FaultKind.LOSSY, ("head", "worker-1"), {"percent": 5.0}, 60.0)


def test_a_record_comes_back_as_it_was_until_it_is_removed(tmp_path: Path) -> None:
    record.write(tmp_path, ONE)
    record.write(tmp_path, TWO)
    assert record.read_all(tmp_path) == [ONE, TWO]
    record.remove(tmp_path, "aa")
    record.remove(tmp_path, "aa")
    assert record.read_all(tmp_path) == [TWO]
    assert not record.is_active(tmp_path, "aa")


def test_the_ledger_knows_a_fault_before_its_record_is_there(tmp_path: Path) -> None:
    record.write(tmp_path, ONE)
    path = record.path_of(tmp_path, "aa")
    assert [(entry.kind, entry.target) for entry in Ledger(tmp_path).entries()] == [("fault", str(path))]
    path.unlink()
    assert record.read_all(tmp_path) == []


def test_a_broken_record_is_told(tmp_path: Path) -> None:
    record.write(tmp_path, ONE)
    record.path_of(tmp_path, "aa").write_text("{")
    with pytest.raises(FaultError, match="is no record of a fault"):
        record.read_all(tmp_path)


def test_a_sweep_discards_a_fault_and_ends_its_watcher_by_pid_and_start_time(tmp_path: Path) -> None:
    record.write(tmp_path, ONE)
    watcher = subprocess.Popen(["sleep", "60"])
    try:
        started = commands.start_time(watcher.pid)
        Ledger(tmp_path).record("fault-watcher", f"{watcher.pid} {started + 1} aa")
        Ledger(tmp_path).undo(UNDOERS)
        assert watcher.poll() is None, "another process with that number was killed"
        Ledger(tmp_path).record("fault-watcher", f"{watcher.pid} {started} aa")
        assert Ledger(tmp_path).undo(UNDOERS) == [f"fault-watcher {watcher.pid} {started} aa"]
        assert watcher.wait(5) == -9
        assert record.read_all(tmp_path) == []
    finally:
        watcher.kill()
        watcher.wait()


def test_events_are_lines_in_order(tmp_path: Path) -> None:
    first = events.write(tmp_path, "inject", "aa", "isolated", ("worker-1",))
    events.write(tmp_path, "effective", "aa", "isolated", ("worker-1",), seconds=0.5)
    inject, effective = events.read(tmp_path)
    assert (inject["event"], inject["monotonic"], inject["targets"]) == ("inject", first, ["worker-1"])
    assert (effective["seconds"], effective["kind"], effective["fault"]) == (0.5, "isolated", "aa")
    assert inject["time"].endswith("+00:00")
    assert len(inject["time"]) == len("2026-01-01T00:00:00.000+00:00")
