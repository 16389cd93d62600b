"""Waiting on the controller: a deadline, and a condition that is looked at until it holds or the deadline is over."""

from __future__ import annotations

import time

import pytest

from sage_cluster.waiting import Deadline, wait_until


def test_a_deadline_passes_once_and_for_good(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter((100.0, 101.0, 104.5, 105.0, 200.0))
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    deadline = Deadline(5)
    assert [deadline.left(), deadline.passed(), deadline.passed(), deadline.left()] == [4.0, False, True, 0.0]


def test_what_holds_already_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: pytest.fail("it slept"))
    assert wait_until(lambda: "seen", 0) == "seen"
    assert wait_until(lambda: "", 0) == ""


def test_a_condition_is_looked_at_until_it_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    seen = iter((0, 0, 7))
    assert wait_until(lambda: next(seen), 60, every=0.5) == 7
    assert len(slept) == 2
    assert all(0.25 <= pause <= 0.75 for pause in slept)


def test_it_looks_once_more_at_the_end_and_tells_what_it_saw() -> None:
    began = time.monotonic()
    looks: list[float] = []

    def look() -> int:
        looks.append(time.monotonic() - began)
        return 0

    assert wait_until(look, 0.1, every=10) == 0
    assert len(looks) == 2
    assert looks[-1] >= 0.1
