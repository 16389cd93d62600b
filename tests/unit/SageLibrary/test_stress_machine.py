"""Operations at random against a cluster in memory: a right one is never blamed, a wrong one is found."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from sage_cluster import NodeState
from SageLibrary.stress.machine import ClusterMachine, DifferenceError, run_once
from SageLibrary.stress.model import INTERVALS, ClusterModel, Deed, Operation
from SageLibrary.stress.observed import HEAD, Observed, differences
from SageLibrary.stress.performer import Outcome

POOL = ("worker-1", "worker-2", "worker-3")
WORKERS = POOL[:2]


class InMemory:
    """A cluster that does what it is told, told by each node's processes alone; ``defect`` breaks it."""

    def __init__(self, defect: str = "") -> None:
        self.defect = defect
        self.file = list(WORKERS)
        self.interval = 5
        self.programs: dict[str, Counter[str]] = {node: Counter() for node in (HEAD, *POOL)}

    def perform(self, operation: Operation) -> Outcome:  # noqa: PLR0912 - a branch for each deed
        worker = operation.worker
        head_runs = bool(self.programs[HEAD])
        match operation.deed:
            case Deed.START_ALL:
                self._start(HEAD, *self.file)
            case Deed.STOP_ALL:
                self._stop(*self.file, HEAD)
            case Deed.RESTART_ALL:
                self._stop(*self.file, HEAD)
                self._start(HEAD, *self.file)
            case Deed.CONFIGURE if self.defect != "forgets settings":
                self.interval = operation.value
            case Deed.WRITE:
                if worker in self.file:
                    return Outcome(False)
                self.file.append(worker)
            case Deed.KILL:
                if not self.programs[worker]["raylet"]:
                    return Outcome(False)
                self.programs[worker] = Counter(log_monitor=1)
            case Deed.ADD:
                if not head_runs:
                    return Outcome(False, "the head does not run")
                self._start(worker)
                if worker not in self.file:
                    self.file.append(worker)
            case Deed.REMOVE | Deed.START | Deed.STOP | Deed.RESTART if worker not in self.file:
                return Outcome(False, "not configured")
            case Deed.REMOVE:
                self._stop(worker)
                self.file.remove(worker)
            case Deed.START | Deed.STOP | Deed.RESTART:
                if operation.deed is not Deed.START:
                    self._stop(worker)
                if operation.deed is not Deed.STOP:
                    if not head_runs:
                        return Outcome(self.defect == "lies", "the head does not run")
                    self._start(worker)
        return Outcome(True)

    def differences(self, model: ClusterModel) -> list[str]:
        runs = {node for node, programs in self.programs.items() if programs["raylet"]}
        states = {node: NodeState.RUNNING if node in runs else NodeState.STOPPED for node in (HEAD, *self.file)}
        for node in self.file:
            if node not in runs and self.programs[node]:
                states[node] = NodeState.INCOMPLETE
        seen = Observed(tuple(self.file), self.interval, states, alive=frozenset(runs), processes=self.programs)
        return differences(model, seen, time.monotonic())

    def _start(self, *nodes: str) -> None:
        for node in nodes:
            twice = self.defect == "starts twice" and self.programs[node]["raylet"]
            self.programs[node] = Counter(raylet=2 if twice else 1, log_monitor=1)
            if node == HEAD:
                self.programs[node]["gcs_server"] = 1

    def _stop(self, *nodes: str) -> None:
        for node in nodes:
            left = self.defect == "leaves a process" and self.programs[node]
            self.programs[node] = Counter(log_monitor=1) if left else Counter()


def lives(defect: str = "") -> Callable[[], tuple[InMemory, ClusterModel]]:
    return lambda: (InMemory(defect), ClusterModel.of(POOL, WORKERS, 5))


def told(defect: str, number: int, seed: int) -> list[str]:
    """The operations that one seed gives, up to the first difference."""
    said: list[str] = []
    try:
        run_once(lives(defect), number, seed, lambda *step: said.append(str(step[1])))
    except DifferenceError:
        assert defect
    return said


def test_a_cluster_that_does_as_it_is_told_is_never_blamed() -> None:
    run_state_machine_as_test(
        lambda: ClusterMachine(lives()),
        settings=settings(max_examples=50, stateful_step_count=40, deadline=None, database=None),
    )


@pytest.mark.parametrize("defect", ["lies", "leaves a process", "starts twice", "forgets settings"])
def test_a_defect_is_found(defect: str) -> None:
    with pytest.raises(DifferenceError, match="after operation"):
        run_once(lives(defect), 300, 1, lambda *_: None)


def test_a_seed_gives_the_same_operations_again_and_another_gives_others() -> None:
    first = told("", 60, 7)
    assert len(first) == 60
    assert first == told("", 60, 7) != told("", 60, 8)


def test_many_operations_do_everything_that_can_be_done() -> None:
    said = told("", 400, 3)
    assert [deed for deed in Deed if not any(words.startswith(deed.value) for words in said)] == []


def test_nothing_is_done_after_the_first_difference() -> None:
    assert told("forgets settings", 300, 1)[-1].startswith("set")
    assert len(told("forgets settings", 300, 1)) < 300


def test_a_killed_raylet_may_be_alive_for_ray_for_a_while_and_no_longer() -> None:
    model = ClusterModel.of(POOL, WORKERS, INTERVALS[0])
    for operation in (Operation(Deed.START_ALL), Operation(Deed.KILL, "worker-1")):
        assert model.apply(operation, now=100.0)
    servers = Counter(raylet=1)
    seen = Observed(
        WORKERS,
        INTERVALS[0],
        {HEAD: NodeState.RUNNING, "worker-1": NodeState.INCOMPLETE, "worker-2": NodeState.RUNNING},
        alive=frozenset({HEAD, *WORKERS}),
        processes={HEAD: servers + Counter(gcs_server=1), "worker-1": Counter(), "worker-2": servers},
    )
    assert differences(model, seen, 110.0) == []
    assert differences(model, seen, 170.0) == ["Ray called ['worker-1'] ALIVE, should not do so"]
