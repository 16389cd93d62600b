"""When Ray itself noticed a fault, from what its state API said over a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from SageLibrary.observers.ray_watch import RayWatch
from SageLibrary.observers.timeline import Timeline
from SageLibrary.recording.ray_times import ray_noticed
from SageLibrary.recording.recording import Fault, RaySight


def fault(ident: str, at: float, node: str = "w1", ineffective: bool = False) -> Fault:
    return Fault(ident, "isolated", (node,), at - 1, at, ineffective=ineffective, struck={node: at})


def alive(ident: str, at: float, node: str = "w1") -> RaySight:
    return RaySight(node, ident, "ALIVE", at)


def dead(ident: str, at: float, node: str = "w1") -> RaySight:
    return RaySight(node, ident, "DEAD", at)


FIRST, SECOND = fault("f1", 10), fault("f2", 20)


@pytest.mark.parametrize(
    ("sights", "first", "second"),
    [
        ([alive("a", 1), dead("a", 12.5)], 2.5, None),
        ([alive("a", 1), alive("b", 13), dead("a", 22.5)], 12.5, None),  # noticed after its successor was struck
        ([alive("a", 1), dead("a", 25)], None, 5.0),  # it lived through the first fault
        ([alive("a", 1)], None, None),
        ([], None, None),
        ([alive("a", 1), RaySight("w1", "", "STOPPED", 21), dead("a", 22)], None, None),  # a person ended it
        ([alive("a", 1), dead("a", 12), RaySight("w1", "", "STOPPED", 15)], 2.0, None),
        ([alive("a", 1), dead("a", 2)], None, None),  # it was dead before
        ([alive("a", 1, "w2"), dead("a", 12, "w2")], None, None),  # another node
        ([alive("a", 1), dead("a", 12), alive("b", 13), dead("b", 24)], 2.0, 4.0),
    ],
)
def test_a_death_is_put_down_to_the_fault_that_caused_it(
    sights: list[RaySight], first: float | None, second: float | None
) -> None:
    assert ray_noticed(FIRST, [FIRST, SECOND], sights) == first
    assert ray_noticed(SECOND, [FIRST, SECOND], sights) == second


def test_a_fault_without_effect_was_noticed_by_nobody() -> None:
    sights = [alive("a", 1), dead("a", 12)]
    assert ray_noticed(fault("f", 10, ineffective=True), [], sights) is None


def row(ident: str, state: str, end_ms: float = 0) -> dict[str, Any]:
    return {"node_id": ident, "node_ip": "10.0.0.1", "state": state, "end_time_ms": end_ms}


def test_the_watch_tells_changes_and_takes_rays_own_time_of_a_death_where_it_can_be_true() -> None:
    told: list[RaySight] = []
    watch = RayWatch("127.0.0.1", 1, {"10.0.0.1": "w1"}, told.append)
    watch.update([row("a", "ALIVE")], 0, 100.0, 5000.0)
    watch.update([row("a", "ALIVE")], 100.0, 100.5, 5000.5)
    watch.update([row("a", "DEAD", 5000_700)], 100.5, 101.0, 5001.0)
    watch.update([row("a", "DEAD", 5000_700), row("b", "DEAD", 4_000_000), row("c", "DEAD")], 101.0, 101.5, 5001.5)
    assert [(s.node, s.ident, s.state, s.at) for s in told] == [
        ("w1", "a", "ALIVE", 100.0),
        ("w1", "a", "DEAD", pytest.approx(100.7)),
        ("w1", "b", "DEAD", 101.0),  # its clock says longer ago, but it was not so at the last question
        ("w1", "c", "DEAD", 101.5),
    ]


def test_a_watch_without_a_dashboard_ends_when_told() -> None:
    watch = RayWatch("127.0.0.1", 1, {}, lambda _: pytest.fail("nobody answered"))
    watch.start()
    watch.stop()


def test_what_ray_said_survives_the_end_of_a_suite(tmp_path: Path) -> None:
    timeline = Timeline()
    timeline.record_ray(alive("a", 1))
    timeline.measure("plain ray start", 4.5)
    timeline.clear()
    assert timeline.ray() == [alive("a", 1)]
    assert timeline.measures() == {"plain ray start": [4.5]}
