"""The axis of time under a picture."""

from __future__ import annotations

from dataclasses import dataclass

STEPS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 3600)
MOST_TICKS = 9


@dataclass(frozen=True)
class Axis:
    """Maps the time from ``first`` to ``last`` (seconds, monotonic) on ``width`` pixels from ``left`` on."""

    left: float
    width: float
    first: float
    last: float

    @property
    def end(self) -> float:
        """The right end, in pixels."""
        return self.left + self.width

    def x(self, at: float) -> float:
        """The place of a moment in pixels; one outside the time shown lies at the nearer end."""
        share = (at - self.first) / max(self.last - self.first, 0.001)
        return self.left + self.width * min(max(share, 0.0), 1.0)

    def told(self, at: float | None) -> str:
        """A moment for people, in seconds since the begin."""
        return "no time" if at is None else f"{at - self.first:.1f} s"

    @property
    def ticks(self) -> list[tuple[float, str]]:
        """Round times: the place of each in pixels, and what it is called."""
        span = self.last - self.first
        step = next((step for step in STEPS if span / step <= MOST_TICKS), span / MOST_TICKS)
        times = [number * step for number in range(int(span / step + 1e-9) + 1)]
        return [(self.x(self.first + time), f"{time:g} s") for time in times]
