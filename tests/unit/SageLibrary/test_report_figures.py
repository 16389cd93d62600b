"""Noticed, decided and repaired, against times worked out by hand, and whether they kept their budgets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from benchmarks.reliability_tables import BUDGETS

from sage_lab.faults import catalogue
from SageLibrary.recording.budgets import Kept, check
from SageLibrary.recording.events import read_events
from SageLibrary.recording.figures import Figures, measure
from SageLibrary.recording.recording import Asked, Recording, Sight, collect
from SageLibrary.report import wording


def write(path: Path, *events: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps({"time": "", "pid": 1, **event}) + "\n" for event in events))
    return path


def event(at: float, name: str, **details: Any) -> dict[str, Any]:
    return {"monotonic": at, "event": name, **details}


def observed(at: float, node: str, state: str) -> dict[str, Any]:
    return event(at, "observed", node=node, state=state, reason="")


def fault(at: float, kind: str, *targets: str, ident: str = "f", **acted: float) -> list[dict[str, Any]]:
    key = {"fault": ident, "kind": kind, "targets": list(targets)}
    return [event(at, "inject", **key), event(at + 0.5, "effective", **key, acted=acted)]


RUNNING = [observed(50, "w1", "running"), observed(50, "w2", "running")]


def recorded(
    tmp_path: Path, journal: list[dict[str, Any]], faults: list[dict[str, Any]], asked: Asked | None = None
) -> Recording:
    return collect(
        90,
        200,
        journal=write(tmp_path / "config.journal.jsonl", *journal),
        faults=write(tmp_path / "faults.jsonl", *faults),
        asked={"f": asked} if asked else {},
    )


def only(recording: Recording) -> Figures:
    (figures,) = measure(recording)
    return figures


def test_the_three_times_count_from_the_injection(tmp_path: Path) -> None:
    journal = [
        *RUNNING,
        observed(100.15, "w1", "lost"),
        event(100.25, "decided", node="w1", action="start"),
        observed(100.3, "w1", "recovering"),
        event(104.5, "repaired", node="w1", action="start", seconds=4.2),
        observed(104.75, "w1", "running"),
    ]
    figures = only(recorded(tmp_path, journal, fault(100, "raylet killed", "w1"), Asked(0.2, 30)))
    assert (figures.noticed, figures.decided, figures.repaired) == (0.15, 0.25, 4.5)
    assert (figures.noticed_kept, figures.repaired_kept) == (Kept.YES, Kept.YES)
    assert figures.watched == 100


def test_the_moment_when_the_node_was_hit_counts_where_the_lab_tells_it(tmp_path: Path) -> None:
    journal = [*RUNNING, observed(100.5, "w1", "lost"), event(103.0, "repaired", node="w1")]
    figures = only(recorded(tmp_path, journal, fault(100, "raylet killed", "w1", w1=100.375)))
    assert (figures.noticed, figures.repaired) == (0.125, 2.625)
    assert figures.to_dict()["struck"] == {"w1": 0.375}


def test_running_again_is_repaired_where_nobody_repaired(tmp_path: Path) -> None:
    journal = [*RUNNING, observed(103, "w1", "suspect"), observed(112, "w1", "running")]
    figures = only(recorded(tmp_path, journal, fault(100, "isolated", "w1")))
    assert (figures.noticed, figures.decided, figures.repaired) == (3, None, 12)


def test_of_two_targets_the_first_is_noticed_and_the_last_is_repaired(tmp_path: Path) -> None:
    journal = [
        *RUNNING,
        observed(104, "w2", "lost"),
        observed(106, "w1", "lost"),
        event(110, "repaired", node="w1"),
        event(119, "repaired", node="w2"),
    ]
    figures = only(recorded(tmp_path, journal, fault(100, "frozen", "w1", "w2")))
    assert (figures.noticed, figures.repaired) == (4, 19)
    assert figures.nodes["w1"].repaired == 10


def test_a_target_that_stays_lost_is_not_repaired(tmp_path: Path) -> None:
    journal = [*RUNNING, observed(101, "w1", "lost"), observed(101, "w2", "lost"), event(105, "repaired", node="w1")]
    figures = only(recorded(tmp_path, journal, fault(100, "raylet killed", "w1", "w2"), Asked(0.2, 30, failed=True)))
    assert figures.repaired is None
    assert (figures.noticed_kept, figures.repaired_kept) == (Kept.NO, Kept.NO)


def test_what_was_seen_before_the_fault_or_on_other_nodes_does_not_count(tmp_path: Path) -> None:
    journal = [*RUNNING, observed(98, "w1", "lost"), observed(99, "w1", "running"), observed(101, "w2", "lost")]
    figures = only(recorded(tmp_path, journal, fault(100, "isolated", "w1"), Asked(5, 30, failed=True)))
    assert figures.noticed is None
    assert figures.noticed_kept is Kept.NO


def test_a_node_that_was_lost_already_cannot_be_noticed(tmp_path: Path) -> None:
    journal = [*RUNNING, observed(95, "w1", "lost"), observed(101, "w1", "recovering")]
    figures = only(recorded(tmp_path, journal, fault(100, "isolated", "w1")))
    assert figures.nodes["w1"].before == "lost"
    assert figures.noticed is None


def test_a_fault_whose_row_asked_for_no_time_is_late_for_nobody(tmp_path: Path) -> None:
    journal = [*RUNNING, observed(109, "w1", "lost"), event(199, "repaired", node="w1")]
    figures = only(recorded(tmp_path, journal, fault(100, "raylet killed", "w1")))
    assert (figures.noticed_kept, figures.repaired_kept) == (Kept.NO_BUDGET, Kept.NO_BUDGET)
    assert wording.verdict(figures) == ("", True)


def test_the_limits_are_those_of_the_row(tmp_path: Path) -> None:
    journal = [*RUNNING, observed(100.1, "w1", "lost"), event(104, "repaired", node="w1")]
    figures = only(recorded(tmp_path, journal, fault(100, "raylet killed", "w1"), Asked(0.001, 45, failed=True)))
    assert (figures.to_dict()["noticed_budget"], figures.to_dict()["repaired_budget"]) == (0.001, 45)
    assert (figures.noticed_kept, figures.repaired_kept) == (Kept.NO, Kept.YES)
    assert wording.verdict(figures) == ("over budget", False)


def test_repaired_counts_from_the_end_of_the_fault(tmp_path: Path) -> None:
    """The node is well 60 s after it was hit, 20 s after the fault's end."""
    journal = [*RUNNING, observed(101, "w1", "lost"), event(160, "repaired", node="w1")]
    faults = [*fault(100, "power cut", "w1"), event(140, "healed", fault="f")]
    kept = [
        only(recorded(tmp_path, journal, faults, Asked(5, limit, failed=True))).repaired_kept for limit in (19.9, 20)
    ]
    assert kept == [Kept.NO, Kept.YES]


def test_a_row_that_failed_though_it_kept_its_times_has_failed(tmp_path: Path) -> None:
    journal = [*RUNNING, observed(101, "w1", "lost"), observed(104, "w1", "running")]
    failed = only(recorded(tmp_path, journal, fault(100, "raylet killed", "w1"), Asked(5, 30, failed=True)))
    assert wording.verdict(failed) == ("failed", False)


def test_a_supervisor_that_died_silently_is_late(tmp_path: Path) -> None:
    figures = only(recorded(tmp_path, RUNNING, fault(100, "raylet killed", "w1"), Asked(0.2, 30, failed=True)))
    assert figures.noticed_kept is Kept.NO


def test_the_next_fault_on_the_target_ends_what_belongs_to_the_first(tmp_path: Path) -> None:
    journal = [
        *RUNNING,
        observed(101, "w1", "lost"),
        event(105, "repaired", node="w1"),
        observed(105, "w1", "running"),
        observed(122, "w1", "lost"),
        event(130, "repaired", node="w1"),
    ]
    both = [*fault(100, "isolated", "w1", ident="a"), *fault(120, "isolated", "w1", ident="b")]
    first, second = measure(recorded(tmp_path, journal, both))
    assert (first.number, first.noticed, first.repaired, first.watched) == (1, 1, 5, 20)
    assert (second.number, second.noticed, second.repaired, second.watched) == (2, 2, 10, 80)


def test_a_node_that_is_given_up(tmp_path: Path) -> None:
    journal = [
        *RUNNING,
        observed(100.1, "w1", "lost"),
        event(103, "repair failed", node="w1", error="no"),
        event(106, "repair failed", node="w1", error="no"),
        event(110, "quarantined", node="w1", tried=[]),
    ]
    figures = only(recorded(tmp_path, journal, fault(100, "raylet crash loop", "w1")))
    assert (figures.quarantined, figures.repaired, figures.nodes["w1"].failed_repairs) == (10, None, 2)


def test_a_fault_without_effect_has_no_verdict(tmp_path: Path) -> None:
    faults = [fault(100, "isolated", "w1")[0], event(102, "ineffective", fault="f")]
    figures = only(recorded(tmp_path, RUNNING, faults))
    assert figures.fault.ineffective
    assert (figures.noticed_kept, figures.to_dict()["took_effect"]) == (Kept.NO_BUDGET, False)


@pytest.mark.parametrize(
    ("seconds", "budget", "watched", "kept"),
    [
        (0.2, 0.2, 10, Kept.YES),
        (0.21, 0.2, 10, Kept.NO),
        (None, 5.0, 10, Kept.NO),
        (None, 5.0, 4, Kept.OPEN),
        (99.0, None, 10, Kept.NO_BUDGET),
        (None, None, 10, Kept.NO_BUDGET),
    ],
)
def test_budgets(seconds: float | None, budget: float | None, watched: float, kept: Kept) -> None:
    assert check(seconds, budget, watched) is kept


def test_every_budget_is_for_a_fault_that_exists() -> None:
    assert set(BUDGETS) <= {str(kind.name) for kind in catalogue()}


def test_states_are_changes_only_with_the_one_brought_along(tmp_path: Path) -> None:
    sights = [Sight("w1", state, at) for at, state in [(1, "starting"), (2, "running"), (11, "running"), (12, "hung")]]
    recording = collect(10, 20, sights)
    assert recording.sights == (Sight("w1", "running", 10), Sight("w1", "hung", 12))


def test_a_stopped_supervisor_believes_nothing(tmp_path: Path) -> None:
    recording = recorded(tmp_path, [*RUNNING[:1], event(95, "supervisor stopped"), event(99, "supervisor started")], [])
    assert recording.beliefs == (Sight("w1", "running", 90), Sight("w1", "", 95))


def test_operations_end_where_they_end(tmp_path: Path) -> None:
    journal = [
        event(10, "begin", operation="start"),
        event(20, "end", operation="start"),
        event(91, "begin", operation="stop"),
        event(93, "end", operation="stop"),
        event(150, "begin", operation="restart"),
    ]
    found = [(o.name, o.begin, o.end) for o in recorded(tmp_path, journal, []).operations]
    assert found == [("stop", 91, 93), ("restart", 150, None)]


def test_a_fault_that_was_healed_before_is_no_part_and_one_that_lasts_is(tmp_path: Path) -> None:
    faults = [
        *fault(10, "isolated", "w1", ident="old"),
        event(20, "healed", fault="old"),
        *fault(30, "frozen", "w2", ident="lasting"),
    ]
    assert [f.id for f in recorded(tmp_path, [], faults).faults] == ["lasting"]


def test_torn_lines_are_counted_and_the_rotated_file_is_read_first(tmp_path: Path) -> None:
    write(tmp_path / "config.journal.old.jsonl", event(1, "begin", operation="x"))
    path = tmp_path / "config.journal.jsonl"
    path.write_text('{"monotonic": 2, "event": "end", "operation": "x"}\n{"monoto\n[]\n{"event": "no time"}\n')
    read = read_events(path)
    assert [(e.at, e.name) for e in read.events] == [(1, "begin"), (2, "end")]
    assert read.unreadable == 3
    assert collect(0, 9, journal=path).unreadable == 3


def test_missing_files_are_no_events(tmp_path: Path) -> None:
    recording = collect(0, 9, journal=tmp_path / "none.jsonl", faults=tmp_path / "none too.jsonl")
    assert (recording.faults, recording.operations, recording.nodes) == ((), (), [])
