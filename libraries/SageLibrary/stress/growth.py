"""Judges whether something grew: by the slope over many samples, as two points say nothing among noise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import median

from SageLibrary.recording.verdict import InconclusiveError

WARM_UP = 0.25
"""The share of the samples that are not judged: caches and pools fill at first."""
FEWEST = 6
"""So many samples are judged at least: of fewer a slope says nothing."""
MIB = 1024.0**2

Samples = Sequence[tuple[float, Mapping[str, float]]]
"""The second on a monotonic clock, and what was measured then, by name."""


@dataclass(frozen=True)
class Allowance:
    """How much something may rise over a whole run: a number, or a share of its first value, whichever is more."""

    least: float
    share: float = 0.0

    def of(self, first: float) -> float:
        """The rise that is allowed for this first value."""
        return max(self.least, self.share * first)


@dataclass(frozen=True)
class Growth:
    """How one thing went, without the warm-up. ``rise`` is slope times duration, ``allowed`` the most it may be."""

    name: str
    first: float
    last: float
    least: float
    most: float
    rise: float
    allowed: float

    @property
    def grew(self) -> bool:
        """Whether it rose by more than noise explains."""
        return self.rise > self.allowed


def judge(samples: Samples, allowances: Mapping[str, Allowance]) -> list[Growth]:
    """The growth of each thing that has an allowance, in that order. Raises InconclusiveError, KeyError."""
    judged = samples[int(len(samples) * WARM_UP) :]
    if len(judged) < FEWEST:
        raise InconclusiveError(
            f"the samples after the warm-up were {len(judged)}, should be {FEWEST} or more: soak longer"
        )
    found = []
    for name, allowance in allowances.items():
        points = [(at, values[name]) for at, values in judged]
        values = [value for _, value in points]
        rise = slope(points) * (points[-1][0] - points[0][0])
        allowed = allowance.of(values[0])
        found.append(Growth(name, values[0], values[-1], min(values), max(values), rise, allowed))
    return found


def slope(points: Sequence[tuple[float, float]]) -> float:
    """The median of the slopes between all pairs of points (Theil and Sen): a few odd values do not move it."""
    return median((y - b) / (x - a) for (a, b), (x, y) in combinations(points, 2) if x > a)
