"""Work on many nodes at once: order, bound, errors as answers, one retry of a start."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pytest

from sage_cluster.config.schema import Config
from sage_cluster.config_manager import ConfigManager
from sage_cluster.context import ClusterContext
from sage_cluster.errors import DefectError, NodeError, RayStartError, SageError, SshError
from sage_cluster.nodes.parallel import on_all, start_with_retry
from sage_cluster.nodes.spec import RayNode, worker_nodes
from sage_cluster.ssh.pool import fan_out

CONFIG = Config.model_validate({"head": {"host": "head"}, "workers_ssh_hosts": "w0,w1,w2,w3,w4,w5"})
NODES = worker_nodes(CONFIG)


def context(
    tmp_path: Path, told: list[tuple[str, str]] | None = None, *, start_timeout: float = 60.0
) -> ClusterContext:
    """Of a cluster that is told of nothing but what it reports."""
    path = tmp_path / "config.yaml"
    path.write_text(f"head: {{host: head}}\ncluster: {{start_timeout: {start_timeout:f}}}\n")
    return ClusterContext.of(ConfigManager(path), lambda *step: None if told is None else told.append(step))


def test_answers_come_in_the_order_of_the_nodes() -> None:
    """The first node ends last: it waits for all others."""
    others = threading.Barrier(4)

    def work(number: int) -> int:
        others.wait(10)
        return number * number

    assert fan_out(range(4), work, 4) == [(0, 0), (1, 1), (2, 4), (3, 9)]


@pytest.mark.parametrize(("limit", "most"), [(1, 1), (3, 3), (50, 8)])
def test_no_more_than_the_limit_work_at_once(limit: int, most: int) -> None:
    guard, full = threading.Lock(), threading.Barrier(most)
    now, seen = 0, []

    def work(number: int) -> None:
        nonlocal now
        with guard:
            now += 1
            seen.append(now)
        if number < most:
            full.wait(10)  # the first ones really are there together
        time.sleep(0.02)  # and one too many would meet them
        with guard:
            now -= 1

    fan_out(range(8), work, limit)
    assert max(seen) == most


def test_a_nodes_error_is_its_answer_and_holds_up_no_other() -> None:
    error = SshError("refused", where="b")

    def work(name: str) -> str:
        if name == "b":
            raise error
        return name.upper()

    assert fan_out("abc", work, 2) == [("a", "A"), ("b", error), ("c", "C")]


def test_what_nobody_foresaw_is_that_nodes_answer_too() -> None:
    def work(name: str) -> str:
        return name.upper() if name != "b" else {}[name]

    (first, (node, defect), last) = fan_out("abc", work, 2)
    assert (first, node, last) == (("a", "A"), "b", ("c", "C"))
    assert isinstance(defect, DefectError)
    assert str(defect).startswith("b: unexpected KeyError: 'b' (test_node_work.py:")
    ((_, named),) = fan_out(NODES[:1], lambda node: work("b"), 1)
    assert isinstance(named, DefectError)
    assert named.where == "w0"


def test_no_nodes_no_work() -> None:
    assert fan_out([], lambda _: pytest.fail("called"), 5) == []


def test_every_node_gets_its_result_and_its_phases_are_reported(tmp_path: Path) -> None:
    told: list[tuple[str, str]] = []

    def work(node: RayNode) -> dict[str, Any]:
        if node.name == "w1":
            raise NodeError("no room", where=node.name, fix="make room")
        return {"node_id": node.name}

    results = on_all(context(tmp_path, told), NODES[:3], work, doing="starting", done="running", limit=2)
    assert [(r.name, r.success, r.phase) for r in results] == [
        ("w0", True, "running"),
        ("w1", False, "starting"),
        ("w2", True, "running"),
    ]
    assert results[1].error == "w1: no room\n  -> make room"
    assert results[2].details == {"node_id": "w2"}
    assert [phase for name, phase in told if name == "w0"] == ["starting", "running"]
    assert [phase for name, phase in told if name == "w1"] == ["starting", "starting failed"]


def test_a_defect_of_the_program_fails_its_node_and_no_other(tmp_path: Path) -> None:
    def work(node: RayNode) -> dict[str, Any]:
        return {"x": 1 // (node.name != "w0")}

    failed, good = on_all(context(tmp_path), NODES[:2], work, doing="a", done="b", limit=1)
    assert (failed.success, failed.phase, good.details) == (False, "a", {"x": 1})
    assert failed.error.startswith("w0: unexpected ZeroDivisionError: ")


def test_time_is_taken_per_node(tmp_path: Path) -> None:
    def work(node: RayNode) -> dict[str, Any]:
        time.sleep(0.15 if node.name == "w0" else 0.0)
        return {}

    slow, fast = on_all(context(tmp_path), NODES[:2], work, doing="a", done="b", limit=2)
    assert slow.elapsed >= 0.15 > fast.elapsed >= 0.0


class Starts:
    """Plays a node: each start takes the next outcome."""

    def __init__(self, *outcomes: SageError | str) -> None:
        self.outcomes = list(outcomes)
        self.timeouts: list[float] = []

    def __call__(self, seconds: float) -> str:
        self.timeouts.append(seconds)
        outcome = self.outcomes.pop(0)
        if isinstance(outcome, SageError):
            raise outcome
        return outcome


SLOW = RayStartError("timed out during startup", where="w0")


def test_a_start_that_works_is_not_repeated(tmp_path: Path) -> None:
    told: list[tuple[str, str]] = []
    assert start_with_retry(context(tmp_path, told), NODES[0], Starts("good")) == "good"
    assert told == []


def test_a_start_that_ray_gave_up_is_tried_once_more_and_recorded(tmp_path: Path) -> None:
    starts, told = Starts(SLOW, "good"), list[tuple[str, str]]()
    cluster = context(tmp_path, told)
    assert start_with_retry(cluster, NODES[0], starts) == "good"
    assert told == [("w0", "starting again")]
    (event,) = cluster.journal.last()
    assert (event["event"], event["node"]) == ("retry", "w0")
    assert "timed out during startup" in event["error"]
    assert 0 < starts.timeouts[1] <= starts.timeouts[0] <= 60.0


def test_two_failures_are_enough(tmp_path: Path) -> None:
    last = RayStartError("again", where="w0")
    with pytest.raises(RayStartError) as caught:
        start_with_retry(context(tmp_path), NODES[0], Starts(SLOW, last, "good"))
    assert caught.value is last


@pytest.mark.parametrize("error", [NodeError("port taken"), SshError("refused")])
def test_what_a_second_try_cannot_mend_is_not_tried_again(tmp_path: Path, error: SageError) -> None:
    with pytest.raises(type(error)):
        start_with_retry(context(tmp_path), NODES[0], Starts(error, "good"))


def test_after_the_deadline_there_is_no_second_try(tmp_path: Path) -> None:
    starts = Starts(SLOW, "good")
    with pytest.raises(RayStartError):
        start_with_retry(context(tmp_path, start_timeout=0.000001), NODES[0], starts)
    assert starts.timeouts == [1.0]
