"""A rolling restart: who has the next turn, and what ends it. The nodes are played."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

from sage_cluster.config_manager import ConfigManager
from sage_cluster.context import ClusterContext
from sage_cluster.errors import NodeError
from sage_cluster.model import NodeResult
from sage_cluster.nodes.agent import RayNodes
from sage_cluster.nodes.rolling_restart import RollingRestart
from sage_cluster.nodes.spec import RayNode, worker_nodes
from sage_cluster.nodes.worker_steps import WorkerSteps

NAMES = ["a", "b", "c"]


class Cluster:
    """Plays Ray's view and the workers' steps; ``lost`` die when the named worker is stopped."""

    def __init__(self) -> None:
        self.alive = set(NAMES)
        self.head_runs = True
        self.will_not_start: set[str] = set()
        self.will_not_stop: set[str] = set()
        self.lost: dict[str, str] = {}
        self.did: list[str] = []
        self.most_away = 0
        self.journal: list[str] = []

    def probe(self, _: RayNode) -> dict[str, Any]:
        rows = [{"node_name": name, "node_id": f"id-{name}", "state": "ALIVE"} for name in sorted(self.alive)]
        rows.append({"node_name": "a", "node_id": "old", "state": "DEAD"})
        return {"raylet": {"address": "10.0.0.1"} if self.head_runs else None, "nodes": rows}

    def drain_and_stop(self, node: RayNode, address: str, node_id: str) -> dict[str, Any]:
        assert (address, node_id) == ("10.0.0.1", f"id-{node.name}")
        if node.name in self.will_not_stop:
            raise NodeError("processes survived", where=node.name)
        self.did.append(f"stop {node.name}")
        self.alive -= {node.name, self.lost.get(node.name, "")}
        self.most_away = max(self.most_away, len(NAMES) - len(self.alive))
        return {"drained": True}

    def start(self, nodes: list[RayNode]) -> tuple[NodeResult, ...]:
        (node,) = nodes
        self.did.append(f"start {node.name}")
        if node.name in self.will_not_start:
            return (NodeResult(node.name, False, "starting", error=f"{node.name}: no room"),)
        self.alive.add(node.name)
        return (NodeResult(node.name, True, "running"),)


@pytest.fixture
def cluster() -> Cluster:
    return Cluster()


def roll(cluster: Cluster, tmp_path: Path, needed: list[str] | None = None) -> dict[str, NodeResult]:
    config = ConfigManager(tmp_path / "config.yaml")
    config.path.write_text("workers_ssh_hosts: a,b,c\n")
    context = ClusterContext.of(config, lambda *_: None)
    rolling = RollingRestart(context)
    rolling._nodes, rolling._steps = cast("RayNodes", cluster), cast("WorkerSteps", cluster)
    results = rolling.run(worker_nodes(config.load()), NAMES if needed is None else needed)
    assert [result.name for result in results] == NAMES
    cluster.journal = [f"{event['event']} {event['node']}" for event in context.journal.last()]
    return {result.name: result for result in results}


def test_one_after_another_each_being_back_before_the_next_goes(cluster: Cluster, tmp_path: Path) -> None:
    assert all(result.success for result in roll(cluster, tmp_path).values())
    assert cluster.did == ["stop a", "start a", "stop b", "start b", "stop c", "start c"]
    assert cluster.most_away == 1
    assert cluster.journal == ["away a", "back a", "away b", "back b", "away c", "back c"]


def test_one_that_is_away_is_started_before_another_is_taken_down(cluster: Cluster, tmp_path: Path) -> None:
    cluster.alive.remove("c")
    assert all(result.success for result in roll(cluster, tmp_path).values())
    assert cluster.did == ["start c", "stop a", "start a", "stop b", "start b"]
    assert cluster.most_away == 1


def test_one_that_does_not_come_back_is_the_last(cluster: Cluster, tmp_path: Path) -> None:
    cluster.will_not_start.add("b")
    results = roll(cluster, tmp_path)
    assert [results[name].success for name in NAMES] == [True, False, False]
    assert results["b"].error == "b: no room"
    assert results["c"].error.startswith("c: not restarted, because b is away")
    assert cluster.did[-1] == "start b"


def test_one_that_cannot_be_stopped_is_the_last(cluster: Cluster, tmp_path: Path) -> None:
    cluster.will_not_stop.add("a")
    results = roll(cluster, tmp_path)
    assert results["a"].error == "a: processes survived"
    assert not any(result.success for result in results.values())
    assert cluster.did == []


def test_nobody_is_taken_down_while_another_died_meanwhile(cluster: Cluster, tmp_path: Path) -> None:
    cluster.lost = {"a": "c"}
    results = roll(cluster, tmp_path)
    assert results["a"].success
    assert "because c is away" in results["b"].error
    assert cluster.did == ["stop a", "start a"]


def test_who_is_not_needed_may_be_away(cluster: Cluster, tmp_path: Path) -> None:
    cluster.lost = {"a": "stranger"}
    assert all(result.success for result in roll(cluster, tmp_path, needed=[]).values())


def test_without_a_head_nothing_is_touched(cluster: Cluster, tmp_path: Path) -> None:
    cluster.head_runs = False
    results = roll(cluster, tmp_path)
    assert all("the head does not run" in result.error for result in results.values())
    assert cluster.did == []
