"""Telling what is done while it is done."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator

Report = Callable[[str], None]
"""Told each step in a few words, when it is done, with its time."""


def silent(_: str) -> None:
    """A report that nobody reads."""


@contextlib.contextmanager
def step(report: Report, text: str) -> Iterator[None]:
    """Report the step with its time in seconds once it has succeeded."""
    started = time.monotonic()
    yield
    report(f"{text} ({time.monotonic() - started:.1f} s)")
