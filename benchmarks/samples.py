"""One measured value with all that was seen around it, and what is said of several of them."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any

from benchmarks.cpu import DISTURBED_CORES, CpuUsage
from benchmarks.errors import BenchmarkError
from sage_cluster import SageError
from sage_lab import LabError


@dataclass(frozen=True)
class Sample:
    """One run of one way. All times in seconds; ``seconds`` is the wall time and means nothing when ``error`` is set.

    ``client_cpu`` is what this process used, ``lab_cpu`` what the lab's nodes used, ``others_cores`` how many cores
    everybody else on the machine used on average. ``load`` is the one-minute load average before the run.
    """

    way: str
    round: int
    seconds: float
    client_cpu: float = 0.0
    lab_cpu: float = 0.0
    others_cores: float = 0.0
    load: float = 0.0
    details: dict[str, Any] = field(default_factory=dict)
    error: str = ""

    @property
    def disturbed(self) -> bool:
        """Whether others used so much of the machine meanwhile that the time says little."""
        return self.others_cores > DISTURBED_CORES

    def to_dict(self) -> dict[str, Any]:
        """As plain values, with ``disturbed``."""
        return {**asdict(self), "disturbed": self.disturbed}

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> Sample:
        """The sample that `to_dict` wrote."""
        return cls(**{key: value for key, value in content.items() if key != "disturbed"})


def measure(
    way: str, number: int, work: Callable[[], dict[str, Any]], lab: str = "", *, children: bool = False
) -> Sample:
    """Do the work once; what it returns becomes the details. A foreseen failure becomes the sample's error.

    ``children``: processes that the work starts outside of the lab's nodes are this process's own.
    """
    load = os.getloadavg()[0]
    details: dict[str, Any] = {}
    error = ""
    before, client, began = CpuUsage.now(lab, children=children), time.process_time(), time.monotonic()
    try:
        details = work()
    except (BenchmarkError, SageError, LabError) as problem:
        error = str(problem)
    seconds, client_cpu = time.monotonic() - began, time.process_time() - client
    after = CpuUsage.now(lab, children=children)
    return Sample(
        way, number, seconds, client_cpu, after.lab - before.lab, after.others_since(before), load, details, error
    )


def finished(samples: Iterable[Sample], way: str) -> list[Sample]:
    """The samples of one way that did not fail, disturbed ones too, in the order measured."""
    return [sample for sample in samples if sample.way == way and not sample.error]


def valid(samples: Iterable[Sample], way: str) -> list[Sample]:
    """The samples of one way that count: those that neither failed nor were disturbed."""
    return [sample for sample in finished(samples, way) if not sample.disturbed]


def failures(samples: Iterable[Sample], way: str) -> int:
    """How many runs of a way failed."""
    return sum(1 for sample in samples if sample.way == way and sample.error)


def median_seconds(samples: Sequence[Sample], way: str) -> float | None:
    """The median wall time of a way in seconds; None when no run of it counts."""
    values = [sample.seconds for sample in valid(samples, way)]
    return median(values) if values else None


def ratios(samples: Sequence[Sample], way: str, to: str) -> list[float]:
    """The wall time of a way over that of another, once for each round in which both count."""
    others = {sample.round: sample.seconds for sample in valid(samples, to)}
    return [s.seconds / others[s.round] for s in valid(samples, way) if s.round in others]


def calm_rounds(samples: Sequence[Sample]) -> int:
    """In how many rounds nothing was disturbed; a failed run does not make a round count less."""
    rounds = {sample.round for sample in samples}
    return len(rounds - {sample.round for sample in samples if sample.disturbed})


def in_turn(ways: Sequence[str], number: int) -> list[str]:
    """The ways in the order of a round: every second round goes backwards, so that none is always first."""
    return list(ways) if number % 2 == 0 else list(reversed(ways))
