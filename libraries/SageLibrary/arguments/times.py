"""Times as suites write them."""

from __future__ import annotations

import re
from datetime import timedelta

from robot.utils import timestr_to_secs

from SageLibrary.arguments.vocabulary import nearest

UNITS = ["milliseconds", "ms", "seconds", "second", "s", "minutes", "minute", "min", "hours", "hour", "h", "days"]
EXAMPLES = ("30 s", "1 minute", "1 min 30 s", "500 ms")


def read_time(text: str | float) -> timedelta:
    """A time: ``30 s``, ``1 minute``, ``1 min 30 s``, ``500 ms``; a bare number is seconds.

    ValueError naming the nearest right unit for any other.
    """
    try:
        return timedelta(seconds=float(timestr_to_secs(text)))
    except ValueError:
        raise ValueError(f"'{text}' is no time{_hint(str(text))} Times are: {', '.join(EXAMPLES)}") from None


def _hint(text: str) -> str:
    """The first word that is no unit, and the nearest that is."""
    for word in re.findall(r"[^\W\d_]+", text):
        if word.lower() not in UNITS:
            return nearest(word, UNITS)
    return "."
