"""The one way in which tests wait."""

from __future__ import annotations

import time
from collections.abc import Callable

PAUSE = 0.02
"""Seconds between two looks."""


def wait_for(look: Callable[[], object], wanted: object = True, seconds: float = 10.0) -> None:
    """Look again and again until what is seen equals ``wanted``; fail after ``seconds`` with what was seen last."""
    deadline = time.monotonic() + seconds
    while (seen := look()) != wanted:
        assert time.monotonic() < deadline, f"was {seen!r}, should be {wanted!r} within {seconds:g} s"
        time.sleep(PAUSE)
