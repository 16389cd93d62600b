"""The waiting helpers: one asks until it is true or the time is up, one as long as it has to be true.

Suites say how long a wait may be on nodes of pace 1; on a slower lab all waits are stretched, and here alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

from robot.api import logger

Seen = TypeVar("Seen")
POLL_SECONDS = 0.2
_pace = 1.0


def keep_pace(pace: float) -> None:
    """From now on every wait is so many times as long as it says."""
    global _pace  # noqa: PLW0603 - one run has one lab
    _pace = pace


def stretched(within: timedelta) -> timedelta:
    """The time that a suite says, as long as it has to be on this lab."""
    return within * _pace


def patient(seconds: float) -> float:
    """The same for a plain number of seconds."""
    return seconds * _pace


def wait_until(
    what: str, observe: Callable[[], Seen], good: Callable[[Seen], bool], within: timedelta, should: str
) -> Seen:
    """Observe until it is good, log each change, and return the good observation.

    AssertionError when ``within``, stretched, has passed: what was awaited, for how long, and every state seen with
    its time.
    """
    seconds = stretched(within).total_seconds()
    began = time.monotonic()
    seen: list[tuple[float, Seen]] = []
    while True:
        now = observe()
        at = time.monotonic() - began
        if not seen or seen[-1][1] != now:
            seen.append((at, now))
            logger.info(f"{what}: {now} (after {at:.1f} s)")
        if good(now):
            return now
        if at >= seconds:
            way = ", then ".join(f"'{state}' from {when:.1f} s on" for when, state in seen)
            raise AssertionError(f"{what} was '{now}', should be '{should}' within {seconds:g} s; seen: {way}")
        time.sleep(min(POLL_SECONDS, max(0.0, seconds - at)))


def stays(
    what: str, observe: Callable[[], Seen], good: Callable[[Seen], bool], lasting: timedelta, should: str
) -> None:
    """Observe again and again for as long as this, and at least once. AssertionError at the first that is not good."""
    began = time.monotonic()
    while True:
        seen = observe()
        at = time.monotonic() - began
        if not good(seen):
            raise AssertionError(
                f"{what} was '{seen}' after {at:.1f} s, should be '{should}' for {lasting.total_seconds():g} s"
            )
        if at >= lasting.total_seconds():
            return
        time.sleep(min(POLL_SECONDS, lasting.total_seconds() - at))
