"""Callers at once: who may be refused and how, and in which order what was done counts."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from sage_cluster.operations.operations import Operations
from SageLibrary.stress.callers import JOURNAL_NAMES, End, Round
from SageLibrary.stress.model import ClusterModel, Deed, Operation

WORKERS = ("worker-1", "worker-2")
START, STOP = Operation(Deed.START, "worker-1"), Operation(Deed.STOP, "worker-1")
BUSY = "x: cannot stop workers: the cluster is busy with '{}' by process {} on here since now\n  -> wait"


def running() -> ClusterModel:
    model = ClusterModel.of(WORKERS, WORKERS, 5)
    model.apply(Operation(Deed.START_ALL), 0.0)
    return model


@pytest.fixture
def operations(tmp_path: Path) -> Operations:
    return Operations(tmp_path / "config.yaml")


def ended(operations: Operations, monkeypatch: pytest.MonkeyPatch, *ends: tuple[int, str]) -> None:
    for pid, name in ends:
        monkeypatch.setattr("os.getpid", lambda pid=pid: pid)
        operations.journal.record("end", operation=name, seconds=1.0)


@pytest.mark.parametrize("order", [(1, 2), (2, 1)])
def test_what_was_done_counts_in_the_journals_order(
    order: tuple[int, int], operations: Operations, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = {1: "start workers", 2: "stop workers"}
    ended(operations, monkeypatch, *((pid, names[pid]) for pid in order))
    model = running()
    ends = [End("process", 1, START, True, ""), End("process", 2, STOP, True, "")]
    assert Round((), (START, STOP), 600.0).settle(model, ends, operations) == []
    assert ("worker-1" in model.running) == (order == (2, 1))


@pytest.mark.parametrize(
    ("said", "wait", "wrong"),
    [
        (BUSY.format("start workers", 1), 0.0, ""),
        (BUSY.format("start workers", 7), 0.0, "named none of the others"),
        (BUSY.format("start cluster", 1), 0.0, "named none of the others"),
        (BUSY.format("start workers", 1), 600.0, "the cluster is busy"),
        ("x: the cluster is busy with another operation, which does not say whose it is", 0.0, "does not say whose"),
        ("worker-1: no route to host", 0.0, "no route to host"),
    ],
)
def test_only_a_refusal_that_names_another_caller_is_right(
    said: str, wait: float, wrong: str, operations: Operations, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended(operations, monkeypatch, (1, "start workers"))
    ends = [End("process", 1, START, True, ""), End("process", 2, STOP, False, said)]
    lines = Round((), (START, STOP), wait).settle(running(), ends, operations)
    assert len(lines) == bool(wrong)
    assert wrong in "".join(lines)


def test_a_success_that_the_journal_does_not_know_is_told(operations: Operations) -> None:
    lines = Round((START,), (), 0.0).settle(running(), [End("thread", 1, START, True, "")], operations)
    assert lines == ["the journal has no end of start worker-1, which succeeded"]


def test_threads_differ_in_kind_so_that_the_journal_tells_them_apart() -> None:
    for seed in range(50):
        this = Round.of(8, running(), random.Random(seed), 0.0)
        assert (len(this.threads), len(this.processes)) == (4, 4)
        assert len({JOURNAL_NAMES[operation.deed] for operation in this.threads}) == 4
