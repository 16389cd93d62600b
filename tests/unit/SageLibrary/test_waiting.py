"""The waiting helper: it ends as soon as it is good, and says what was seen on the way when it is not."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from datetime import timedelta

import pytest

from SageLibrary.waiting import keep_pace, patient, stays, stretched, wait_until

NOW = timedelta(0)


def sights(*states: str) -> Callable[[], str]:
    left = list(states)
    return lambda: left.pop(0) if len(left) > 1 else left[0]


def is_running(state: str) -> bool:
    return state == "running"


def test_what_is_good_at_once_is_not_waited_for() -> None:
    began = time.monotonic()
    assert wait_until("the state", sights("running"), is_running, timedelta(seconds=30), "running") == "running"
    assert time.monotonic() - began < 5


def test_the_first_good_observation_is_the_answer() -> None:
    seen = wait_until("it", sights("a", "b", "good 1", "good 2"), lambda s: "good" in s, timedelta(minutes=1), "good")
    assert seen == "good 1"


def test_without_time_it_looks_once() -> None:
    looks: list[int] = []

    def look() -> str:
        looks.append(1)
        return "stopped"

    with pytest.raises(AssertionError):
        wait_until("the state", look, is_running, NOW, "running")
    assert len(looks) == 1


def test_the_failure_says_what_was_awaited_how_long_and_every_state_with_its_time() -> None:
    look = sights("stopped", "starting", "starting", "hung")
    with pytest.raises(AssertionError) as caught:
        wait_until("the state of w1", look, is_running, timedelta(seconds=0.7), "running")
    pattern = (
        r"the state of w1 was 'hung', should be 'running' within 0\.7 s; "
        r"seen: 'stopped' from 0\.0 s on, then 'starting' from (0\.\d) s on, then 'hung' from (0\.\d) s on"
    )
    times = re.fullmatch(pattern, str(caught.value))
    assert times, str(caught.value)
    assert 0 < float(times[1]) <= float(times[2])


def test_it_looks_a_last_time_at_the_deadline() -> None:
    began = time.monotonic()
    change = began + 0.35
    wait_until("it", lambda: time.monotonic() >= change, bool, timedelta(seconds=0.4), "true")


def test_an_error_of_the_observation_is_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError):
        wait_until("it", lambda: 1 // 0, bool, timedelta(seconds=5), "true")


def test_on_a_slow_lab_a_wait_is_as_many_times_longer_and_says_so() -> None:
    keep_pace(3)
    try:
        assert stretched(timedelta(seconds=2)) == timedelta(seconds=6)
        assert patient(2) == 6
        began = time.monotonic()
        with pytest.raises(AssertionError, match=r"within 0\.9 s"):
            wait_until("the state", sights("stopped"), is_running, timedelta(seconds=0.3), "running")
        assert time.monotonic() - began >= 0.9
    finally:
        keep_pace(1)


def test_what_stays_is_looked_at_again_and_again_and_once_at_least() -> None:
    seen = iter(["up", "up", "up", "down", "up"])
    with pytest.raises(AssertionError, match=r"^the node was 'down' after 0\.\d s, should be 'up' for 5 s$"):
        stays("the node", lambda: next(seen), lambda now: now == "up", timedelta(seconds=5), "up")
    stays("the node", lambda: next(seen), lambda now: now == "up", timedelta(0), "up")
    with pytest.raises(StopIteration):
        next(seen)
