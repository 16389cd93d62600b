"""The last trouble of each node, read from the supervisor's events; and how the status shows it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from rich.console import Console

from sage_cluster.cli.console import incident_table
from sage_cluster.model import Incident
from sage_cluster.supervision.incidents import last_incidents


def at(second: float) -> str:
    return f"2026-01-02T03:04:{second:06.3f}+00:00"


def event(second: float, name: str, node: str = "w1", **details: Any) -> dict[str, Any]:
    return {"time": at(second), "monotonic": 100.0 + second, "event": name, "node": node, **details}


def observed(second: float, state: str, reason: str = "", node: str = "w1") -> dict[str, Any]:
    return event(second, "observed", node, state=state, reason=reason)


REPAIRED = [
    observed(1, "suspect", "no heartbeat"),
    observed(2, "lost", "its raylet ended"),
    event(3, "decided", action="start"),
    observed(3.1, "recovering"),
    event(3.2, "repairing", action="start"),
    event(9, "repaired", action="start"),
    observed(10, "running"),
]


def test_a_trouble_has_its_three_times() -> None:
    assert last_incidents(REPAIRED) == {
        "w1": Incident("its raylet ended", at(1), at(3), "start", at(9), over=at(10), seconds=8.0)
    }


def test_one_that_passes_was_repaired_by_nobody() -> None:
    events = [observed(1, "lost", "silent"), observed(4, "running")]
    assert last_incidents(events) == {"w1": Incident("silent", at(1), over=at(4), seconds=3.0)}


def test_only_the_last_counts_and_each_node_has_its_own() -> None:
    events = [*REPAIRED, observed(20, "lost", "silent", node="w2"), observed(21, "lost", "its raylet ended again")]
    assert last_incidents(events) == {
        "w1": Incident("its raylet ended again", at(21)),
        "w2": Incident("silent", at(20)),
    }


def test_a_second_repair_ends_the_same_trouble() -> None:
    failed = [*REPAIRED[:5], event(8, "repair failed"), event(12, "decided", action="fence"), event(15, "repaired")]
    trouble = last_incidents(failed)["w1"]
    assert (trouble.decided, trouble.action, trouble.repaired, trouble.seconds) == (at(3), "start", at(15), 14.0)


def test_a_quarantine_is_told() -> None:
    events = [*REPAIRED[:3], event(5, "quarantined"), observed(5, "quarantined")]
    assert last_incidents(events)["w1"] == Incident("its raylet ended", at(1), at(3), "start", quarantined=at(5))


@pytest.mark.parametrize("end", [event(7, "let go"), event(7, "supervisor stopped", node="")])
def test_a_trouble_that_is_watched_no_more_is_over_without_a_time_taken(end: dict[str, Any]) -> None:
    events = [*REPAIRED[:2], end, observed(50, "running")]
    assert last_incidents(events)["w1"] == Incident("its raylet ended", at(1), over=at(7))


def test_no_events_no_troubles() -> None:
    assert last_incidents([event(1, "repaired", action="rejoin"), {"event": "begin", "time": at(1)}]) == {}


def shown(trouble: Incident) -> str:
    console = Console(width=120, record=True)
    console.print(incident_table({"w1": trouble}))
    return " ".join(console.export_text().splitlines()[1].split())


def test_the_table_shows_times_of_day_here_with_the_date_when_it_is_not_today() -> None:
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    clock = datetime.fromisoformat(now).astimezone().strftime("%H:%M:%S")
    today = Incident("gone", now, now, "start", now, over=now, seconds=7.25)
    assert shown(today) == f"w1 gone {clock} {clock} start {clock} 7.2 s"
    old = datetime.fromisoformat(at(1)).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    assert shown(Incident("gone", at(1))) == f"w1 gone {old} - - -"


def test_the_table_tells_what_was_given_up_and_what_passed() -> None:
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    assert "gave up" in shown(Incident("gone", now, quarantined=now))
    assert "over " in shown(Incident("gone", now, over=now, seconds=1.0))
