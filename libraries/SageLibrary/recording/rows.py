"""The failures in a test's message; those of a table's rows say which row each is of."""

from __future__ import annotations

import re
from collections.abc import Sequence

ALSO_TEARDOWN = "\n\nAlso teardown failed:"
SEVERAL = "Several failures occurred:"
NEXT = re.compile(r"\n\n\d+\) ")
PLACE = r"(?:(?!: ).)+?\.robot:\d+(?: (?:(?!: ).)*)?: "
"""What stands before a row's failure: where the row is, and its words, none of which has a colon and a space."""
CHARACTERS = 120


def failures(message: str) -> list[str]:
    """Each failure of a message that Robot made of one or of several; not what a teardown added."""
    own = message.partition(ALSO_TEARDOWN)[0].strip()
    return [failure for failure in NEXT.split(own) if not failure.endswith(SEVERAL)]


def called(source: str, line: int, words: Sequence[str]) -> str:
    """What a row is called: "robot/failure.robot:37 raylet killed, worker-2, 0 s"."""
    said = ", ".join(" ".join(word.replace(": ", ":").split()) for word in words)
    return f"{source}:{line} {said[:CHARACTERS]}".strip()


def named(message: str, rows: Sequence[tuple[str, str]]) -> str:
    """The message, with each failure behind the name of its row. ``rows``: of those that failed name and message.

    A message that is not made of theirs stays as it is.
    """
    found = [(name, failure) for name, said in rows for failure in failures(said)]
    own, also, teardown = message.partition(ALSO_TEARDOWN)
    if own.strip() != _joined([failure for _, failure in found]):
        return message
    return _joined([f"{name}: {failure}" for name, failure in found]) + also + teardown


def _joined(failures: Sequence[str]) -> str:
    """As Robot joins them."""
    if len(failures) == 1:
        return failures[0]
    return "\n\n".join([SEVERAL, *(f"{number}) {failure}" for number, failure in enumerate(failures, start=1))])
