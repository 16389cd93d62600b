"""Small line charts of past runs, as inline SVG."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from SageLibrary.recording.history import pass_rate
from SageLibrary.report.frame import render

WIDTH, HEIGHT = 320, 96
LEFT, RIGHT, TOP, BOTTOM = 46, 74, 12, 10

Value = Callable[[dict[str, Any]], float | None]


@dataclass(frozen=True)
class Chart:
    """One line from 0 up to ``top``: a dot a value with its place in pixels and what it says."""

    title: str
    top: str
    zero: str
    dots: list[tuple[float, float, str]]
    last: str
    width: ClassVar = WIDTH
    height: ClassVar = HEIGHT
    left: ClassVar = LEFT
    right: ClassVar = WIDTH - RIGHT
    highest: ClassVar = TOP
    base: ClassVar = HEIGHT - BOTTOM

    @classmethod
    def of(cls, title: str, points: list[tuple[str, float]], unit: str, most: float | None = None) -> Chart:
        """Of values in ``unit`` with what each belongs to, oldest first; ``most`` is at the top, else the greatest."""
        top = most or max(value for _, value in points) or 1.0
        step = (WIDTH - LEFT - RIGHT) / max(len(points) - 1, 1)
        dots = [
            (
                LEFT + step * number,
                TOP + (HEIGHT - TOP - BOTTOM) * (1 - min(value / top, 1.0)),
                f"{when}: {value:.3g}{unit}",
            )
            for number, (when, value) in enumerate(points)
        ]
        return cls(title, f"{top:.3g}{unit}", f"0{unit}", dots, f"{points[-1][1]:.3g}{unit}")


def charts(runs: list[dict[str, Any]]) -> list[Chart]:
    """What at least two runs know; oldest on the left."""
    wanted: list[tuple[str, Value, str, float | None]] = [
        ("Tests passed", pass_rate, "%", 100.0),
        ("Noticed, median of all faults", lambda run: run.get("noticed"), " s", None),
        ("Repaired, median of all faults", lambda run: run.get("repaired"), " s", None),
    ]
    found = []
    for title, value, unit, most in wanted:
        points = [(str(run["time"]), known) for run in runs if (known := value(run)) is not None]
        if len(points) > 1:
            found.append(Chart.of(title, points, unit, most))
    return found


def draw(chart: Chart) -> str:
    """The chart as a picture."""
    return render("chart", chart=chart)
