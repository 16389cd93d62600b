"""The lab of one measurement: brought up for it, entered, and taken down after it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from sage_lab import Lab, Topology


@contextmanager
def measured_lab(name: str, workers: int) -> Iterator[Lab]:
    """A lab that this process is in until the end; a process enters one lab only. Raises LabError."""
    lab = Lab.up(Topology.of(workers=workers), name=name, report=say)
    try:
        lab.enter()
        yield lab
    finally:
        lab.down()


def say(text: str) -> None:
    """Progress, on standard error: standard output is for the result."""
    print(text, file=sys.stderr, flush=True)
