"""What the supervisor makes of a node's heartbeats, its silence and Ray's view."""

from __future__ import annotations

from typing import Any

import pytest

from sage_cluster.config.schema import RecoveryConfig
from sage_cluster.supervision.health import Health, NodeRecord, Repair, backoff, judge

SETTINGS = RecoveryConfig(suspect_after=2.5, silent_after=4.0, hung_after=2.0)
NOW = 1000.0
ALIVE = {"abc": "ALIVE"}


def beats(*running: str, **more: Any) -> dict[str, Any]:
    return {
        "running": list(running),
        "stopped": [],
        "health": "ok",
        "node_id": "abc",
        "session": "session_x",
        "nodes": None,
        "dashboard_wanted": False,
        **more,
    }


def record(role: str = "worker", last: dict[str, Any] | None = None, **more: Any) -> NodeRecord:
    made = NodeRecord("worker-1", role, known_since=NOW - 60, **more)
    if last is not None:
        made.heartbeat, made.heartbeat_at = last, more.get("heartbeat_at", NOW - 0.5)
    return made


def test_a_node_that_was_only_just_met_is_new_until_it_is_heard_or_late() -> None:
    met = NodeRecord("worker-1", "worker", known_since=NOW)
    assert met.is_new(NOW + 2.5, SETTINGS)
    assert not met.is_new(NOW + 2.6, SETTINGS)
    met.update({"heartbeat": beats("raylet")}, NOW)
    assert not met.is_new(NOW, SETTINGS)


@pytest.mark.parametrize(
    ("node", "ray", "state", "repair"),
    [
        (record(last=beats("raylet")), ALIVE, Health.RUNNING, Repair.NONE),
        (record(last=beats("raylet")), None, Health.RUNNING, Repair.NONE),
        (record(last=beats()), ALIVE, Health.LOST, Repair.START),
        (record("head", beats("raylet", "gcs")), ALIVE, Health.RUNNING, Repair.NONE),
        (record("head", beats("raylet")), ALIVE, Health.LOST, Repair.START),
        (record("head", beats("gcs")), ALIVE, Health.LOST, Repair.START),
        (record("head", beats("raylet", "gcs", dashboard_wanted=True)), ALIVE, Health.SUSPECT, Repair.DASHBOARD),
        (record(last=beats("raylet", stopped=["raylet"])), ALIVE, Health.SUSPECT, Repair.NONE),
        (
            record(last=beats("raylet", stopped=["raylet"]), unwell_since=NOW - 1),
            ALIVE,
            Health.SUSPECT,
            Repair.NONE,
        ),
        (record(last=beats("raylet", stopped=["raylet"]), unwell_since=NOW - 3), ALIVE, Health.LOST, Repair.FENCE),
        (record(last=beats("raylet", health="hung"), unwell_since=NOW - 9), ALIVE, Health.SUSPECT, Repair.NONE),
        (record(last=beats("raylet", health="hung"), unwell_since=NOW - 11), ALIVE, Health.LOST, Repair.FENCE),
        (record(last=beats("raylet")), {"abc": "DEAD"}, Health.SUSPECT, Repair.NONE),
        (record(last=beats("raylet"), unwell_since=NOW - 3), {"abc": "DEAD"}, Health.LOST, Repair.FENCE),
        (record(last=beats("raylet"), unwell_since=NOW - 3), {"other": "ALIVE"}, Health.LOST, Repair.FENCE),
        (record(last=beats("raylet"), sshd_refuses=True), ALIVE, Health.SUSPECT, Repair.NONE),
        (record(last=beats("raylet"), heartbeat_at=NOW - 3), ALIVE, Health.SUSPECT, Repair.NONE),
        (record(last=beats("raylet"), heartbeat_at=NOW - 5), ALIVE, Health.LOST, Repair.NONE),
        (record(last=beats("raylet"), heartbeat_at=NOW - 5, sshd_refuses=True), ALIVE, Health.SUSPECT, Repair.NONE),
        (
            record(last=beats("raylet"), heartbeat_at=NOW - 5, sshd_refuses=True),
            {"abc": "DEAD"},
            Health.LOST,
            Repair.NONE,
        ),
        (record(), ALIVE, Health.LOST, Repair.NONE),
    ],
)
def test_the_signals_are_fused(node: NodeRecord, ray: dict[str, str] | None, state: Health, repair: Repair) -> None:
    verdict = judge(node, ray, NOW, SETTINGS)
    assert (verdict.state, verdict.repair) == (state, repair)
    assert bool(verdict.reason) is (state is not Health.RUNNING)


def test_silence_says_how_long_and_why() -> None:
    node = record(
        last=beats("raylet"), heartbeat_at=NOW - 3, contact_error="worker-1: the node does not answer\n  -> look"
    )
    assert judge(node, ALIVE, NOW, SETTINGS).reason == "no heartbeat for 3.0 s (worker-1: the node does not answer)"


def test_a_node_just_repaired_keeps_its_state_until_it_is_heard_or_silent_for_too_long() -> None:
    node = NodeRecord("worker-1", "worker", known_since=NOW - 1, state=Health.RECOVERING, reason="a repair")
    assert judge(node, ALIVE, NOW, SETTINGS).state is Health.RECOVERING
    assert judge(node, ALIVE, NOW + 5, SETTINGS).state is Health.LOST


def test_a_node_that_ray_does_not_know_yet_has_a_moment_to_join() -> None:
    node = record(last=beats("raylet"), state=Health.RECOVERING, reason="a repair")
    node.known_since = NOW - 1
    assert judge(node, {}, NOW, SETTINGS).state is Health.RECOVERING
    assert judge(node, {}, NOW + 1.5, SETTINGS).state is Health.SUSPECT


def test_the_end_of_a_process_counts_at_once() -> None:
    node = record(last=beats("raylet"))
    node.update({"ended": "raylet", "pid": 7}, NOW)
    assert judge(node, ALIVE, NOW, SETTINGS).repair is Repair.START


def test_a_beat_clears_what_went_wrong_with_the_connection() -> None:
    node = record(contact_error="broken")
    node.update({"heartbeat": beats("raylet")}, NOW)
    assert (node.contact_error, node.heartbeat_at) == ("", NOW)


@pytest.mark.parametrize(
    ("last", "ray"),
    [(beats("raylet"), {}), (beats("raylet"), {"abc": "DEAD"}), (beats("raylet", health="hung"), ALIVE)],
)
def test_a_kept_worker_may_look_for_its_head_for_a_while(last: dict[str, Any], ray: dict[str, str]) -> None:
    node = record(last=last, state=Health.RUNNING, unwell_since=NOW - 20, rejoin_by=NOW + 1)
    waiting = judge(node, ray, NOW, SETTINGS)
    assert (waiting.state, waiting.repair) == (Health.SUSPECT, Repair.NONE)
    assert waiting.reason.endswith("it is looking for its head")
    node.heartbeat_at = NOW + 1.5
    assert judge(node, ray, NOW + 1.5, SETTINGS).repair is Repair.FENCE


@pytest.mark.parametrize("last", [beats(), beats("raylet", stopped=["raylet"])])
def test_a_kept_worker_that_cannot_find_its_head_any_more_is_repaired(last: dict[str, Any]) -> None:
    node = record(last=last, unwell_since=NOW - 20, rejoin_by=NOW + 1)
    assert judge(node, {}, NOW, SETTINGS).state is Health.LOST


def test_a_node_that_a_person_started_again_is_not_judged_by_the_trouble_before() -> None:
    """It had been in trouble for minutes: without a new beginning, Ray's late view alone would fence it at once."""
    node = record(last=beats(), state=Health.QUARANTINED, unwell_since=NOW - 60, attempts=2, tried=["start: started"])
    node.reset(NOW)
    node.state = Health.SUSPECT
    node.update({"heartbeat": beats("raylet", node_id="new")}, NOW + 0.1)
    assert judge(node, ALIVE, NOW + 0.2, SETTINGS).repair is Repair.NONE
    assert judge(node, {"new": "ALIVE"}, NOW + 0.3, SETTINGS).state is Health.RUNNING
    assert (node.attempts, node.tried) == (0, [])


def test_the_end_of_a_process_is_noticed_right_after_a_persons_start_of_what_ran() -> None:
    node = record("head", beats("raylet", "gcs"), state=Health.RUNNING)
    node.reset(NOW)
    node.update({"ended": "gcs"}, NOW + 0.1)
    assert judge(node, ALIVE, NOW + 0.1, SETTINGS).reason == "its GCS ended"
    node.reset(NOW + 0.2)
    assert node.heartbeat is None


def test_the_back_off_doubles_up_to_its_limit_and_is_never_the_same() -> None:
    settings = RecoveryConfig(backoff=2.0, backoff_limit=10.0)
    for attempt, middle in ((1, 2.0), (2, 4.0), (3, 8.0), (4, 10.0), (9, 10.0)):
        delays = {backoff(attempt, settings) for _ in range(50)}
        assert 0.5 * middle <= min(delays) < max(delays) <= 1.5 * middle
