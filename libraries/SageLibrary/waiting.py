"""The one waiting helper: it asks until it is true or the time is up, and says what was seen on the way."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

from robot.api import logger

Seen = TypeVar("Seen")
POLL_SECONDS = 0.2


def wait_until(
    what: str, observe: Callable[[], Seen], good: Callable[[Seen], bool], within: timedelta, should: str
) -> Seen:
    """Observe until it is good, log each change, and return the good observation.

    AssertionError when ``within`` has passed: what was awaited, for how long, and every state seen with its time.
    """
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
        if at >= within.total_seconds():
            way = ", then ".join(f"'{state}' from {when:.1f} s on" for when, state in seen)
            raise AssertionError(
                f"{what} was '{now}', should be '{should}' within {within.total_seconds():g} s; seen: {way}"
            )
        time.sleep(min(POLL_SECONDS, max(0.0, within.total_seconds() - at)))
