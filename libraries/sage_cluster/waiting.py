"""The one way in which the controller waits: for a condition, within a deadline on the monotonic clock."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import TypeVar

POLL_SECONDS = 0.05
Seen = TypeVar("Seen")


class Deadline:
    """A moment of the monotonic clock, some seconds from now."""

    def __init__(self, seconds: float) -> None:
        self._at = time.monotonic() + seconds

    def left(self) -> float:
        """The seconds until then, 0 once it has passed."""
        return max(0.0, self._at - time.monotonic())

    def passed(self) -> bool:
        """Whether it has passed."""
        return not self.left()


def wait_until(look: Callable[[], Seen], seconds: float, *, every: float = POLL_SECONDS) -> Seen:
    """Look until what is seen counts as true, for at most ``seconds``; what was seen last.

    It looks at once, and once more at the end. ``every`` so many seconds, more or less: callers that wait for one thing
    do not look in step.
    """
    deadline = Deadline(seconds)
    while not (seen := look()) and (left := deadline.left()):
        time.sleep(min(left, every * random.uniform(0.5, 1.5)))  # noqa: S311 - spreads the callers, no secret
    return seen
