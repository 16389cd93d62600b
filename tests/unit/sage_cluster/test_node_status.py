"""A node's state from its own view and Ray's together, as a table."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sage_cluster.errors import NodeError, SageError
from sage_cluster.model import ClusterStatus, NodeResult, NodeState, NodeStatus, OperationResult
from sage_cluster.nodes.spec import RayNode
from sage_cluster.nodes.status import RayRows, head_status, node_status, strangers
from sage_cluster.ssh.connection import Target

NO_ANSWER = NodeError("no answer within 10 s", where="n")
RAYLET = {"role": "raylet", "pid": 7, "start": 1, "state": "S"}
GCS = {"role": "gcs", "pid": 8, "start": 1, "state": "S"}


def node(role: str = "worker", name: str = "n") -> RayNode:
    return RayNode(name, role, Target(name, 2222), {})


def probe(*processes: dict[str, Any], node_id: str = "abc", health: str = "ok", **more: object) -> dict[str, Any]:
    raylet = {"node_id": node_id, "session": "session_x", "address": "10.0.0.7"}
    return {
        "processes": list(processes),
        "raylet": raylet if RAYLET in processes else None,
        "gcs_running": GCS in processes,
        "health": health,
        "ports": [6379],
        "load": 0.5,
        "free_bytes": 10,
        **more,
    }


def row(node_id: str, state: str = "ALIVE", name: str = "n") -> dict[str, Any]:
    return {"node_id": node_id, "node_ip": "10.0.0.7", "node_name": name, "state": state}


@pytest.mark.parametrize(
    ("role", "seen", "rows", "state"),
    [
        ("worker", probe(RAYLET), [row("abc")], NodeState.RUNNING),
        ("worker", probe(RAYLET, health="unknown"), [row("abc")], NodeState.RUNNING),
        ("worker", probe(RAYLET), [row("old", "DEAD"), row("abc")], NodeState.RUNNING),
        ("worker", probe(), [], NodeState.STOPPED),
        ("worker", probe(), [row("old", "DEAD")], NodeState.STOPPED),
        ("worker", probe(RAYLET), [], NodeState.UNREGISTERED),
        ("worker", probe(RAYLET), [row("abc", "DEAD")], NodeState.UNREGISTERED),
        ("worker", probe(RAYLET), [row("another")], NodeState.UNREGISTERED),
        ("worker", probe(RAYLET, health="hung"), [row("abc")], NodeState.HUNG),
        ("worker", probe({**RAYLET, "role": "agent"}), [], NodeState.INCOMPLETE),
        ("worker", NO_ANSWER, [], NodeState.UNREACHABLE),
        ("worker", NO_ANSWER, [row("abc", "DEAD")], NodeState.UNREACHABLE),
        ("worker", NO_ANSWER, [row("abc", name="another")], NodeState.UNREACHABLE),
        ("worker", NO_ANSWER, [row("old", "DEAD"), row("abc")], NodeState.CUT_OFF),
        ("head", probe(RAYLET, GCS), [row("abc")], NodeState.RUNNING),
        ("head", probe(RAYLET), [], NodeState.INCOMPLETE),
        ("head", probe(GCS), [], NodeState.INCOMPLETE),
        ("head", probe(RAYLET, GCS), [], NodeState.UNREGISTERED),
        ("head", probe(), [], NodeState.STOPPED),
    ],
)
def test_the_state(role: str, seen: dict[str, Any] | SageError, rows: list[dict[str, Any]], state: NodeState) -> None:
    assert node_status(node(role), seen, RayRows(rows)).state is state


def test_a_status_carries_what_both_said() -> None:
    status = node_status(node(), probe(RAYLET), RayRows([row("abc")]))
    assert status == NodeStatus(
        name="n",
        host="n",
        port=2222,
        role="worker",
        state=NodeState.RUNNING,
        ray_state="ALIVE",
        node_id="abc",
        session="session_x",
        address="10.0.0.7",
        health="ok",
        processes=(RAYLET,),
        ports=(6379,),
        load=0.5,
        free_bytes=10,
    )


def test_a_cut_off_node_is_known_by_what_ray_last_knew() -> None:
    status = node_status(node(), NO_ANSWER, RayRows([row("abc")]))
    assert (status.node_id, status.address, status.ray_state) == ("abc", "10.0.0.7", "ALIVE")
    assert status.problem == "n: no answer within 10 s"


def test_the_heads_own_probe_carries_rays_view() -> None:
    assert head_status(node("head"), probe(RAYLET, GCS, nodes=[row("abc")])).state is NodeState.RUNNING
    assert head_status(node("head"), NO_ANSWER).state is NodeState.UNREACHABLE
    deaf = head_status(node("head"), probe(RAYLET, GCS, ray_problem="the GCS is deaf"))
    assert (deaf.state, deaf.problem) == (NodeState.UNREGISTERED, "the GCS is deaf")


def test_strangers_are_alive_and_none_of_ours() -> None:
    rows = [row("abc"), row("x", name="intruder"), row("y", name=""), row("z", "DEAD", "gone")]
    assert strangers(rows, [node_status(node(), probe(RAYLET), RayRows(rows))]) == ("intruder", "10.0.0.7")


def test_a_raylet_that_died_under_a_configured_name_is_no_stranger() -> None:
    """Ray has not noticed its death yet, and calls both ALIVE."""
    rows = [row("old"), row("abc"), row("x", name="intruder")]
    assert strangers(rows, [node_status(node(), probe(RAYLET), RayRows(rows))]) == ("intruder",)


def cluster(head: NodeState, *workers: NodeState) -> ClusterStatus:
    def one(name: str, role: str, state: NodeState) -> NodeStatus:
        return NodeStatus(name, name, 22, role, state, processes=(RAYLET,))

    named = tuple(one(f"w{number}", "worker", state) for number, state in enumerate(workers, 1))
    return ClusterStatus(one("head", "head", head), named)


@pytest.mark.parametrize("state", list(NodeState))
def test_a_node_counts_only_while_it_runs(state: NodeState) -> None:
    runs = state is NodeState.RUNNING
    assert cluster(state).head_running is runs
    assert cluster(NodeState.RUNNING, state, NodeState.RUNNING).active_workers == (["w1", "w2"] if runs else ["w2"])
    assert cluster(NodeState.RUNNING, state).healthy is runs
    assert cluster(state, NodeState.RUNNING).healthy is runs


def test_nodes_are_found_by_name() -> None:
    status = cluster(NodeState.RUNNING, NodeState.HUNG)
    assert [n.name for n in status.nodes] == ["head", "w1"]
    assert status.node("w1").state is NodeState.HUNG
    with pytest.raises(KeyError, match="no node 'w9' in this cluster; there are head, w1"):
        status.node("w9")


def test_a_status_is_plain_json() -> None:
    value = json.loads(json.dumps(cluster(NodeState.RUNNING, NodeState.CUT_OFF).to_dict()))
    assert (value["head_running"], value["active_workers"]) == (True, [])
    assert value["workers"][0]["state"] == "cut_off"
    assert value["head"]["processes"] == [RAYLET]


def test_an_operation_succeeds_when_it_does_everywhere() -> None:
    good, bad = NodeResult("w1", True, "running"), NodeResult("w2", False, "starting", error="w2: no room")
    assert OperationResult("start", (good,)).success
    assert OperationResult("start").success
    failed = OperationResult("start", (good, bad), error="the head did not start")
    assert not failed.success
    assert not OperationResult("start", (good, bad)).success
    assert not OperationResult("start", (good,), error="x").success
    assert failed.failed == (bad,)
    assert failed.message == "the head did not start\nw2: no room"
    assert OperationResult("start", (good,)).message == ""


def test_a_result_is_plain_json() -> None:
    result = OperationResult("stop", (NodeResult("w", True, "stopped", 1.5, details={"forced": [4]}),), 2.0)
    assert json.loads(json.dumps(result.to_dict())) == {
        "success": True,
        "operation": "stop",
        "nodes": [
            {"name": "w", "success": True, "phase": "stopped", "elapsed": 1.5, "error": "", "details": {"forced": [4]}}
        ],
        "elapsed": 2.0,
        "error": "",
    }
