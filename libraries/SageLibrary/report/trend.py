"""Small line charts of past runs, as inline SVG."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import Any

from SageLibrary.recording.history import pass_rate

WIDTH, HEIGHT = 320, 96
LEFT, RIGHT, TOP, BOTTOM = 46, 74, 12, 10
LINE = "#4a90d9"

Value = Callable[[dict[str, Any]], float | None]


def charts(runs: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """A title and a picture each, for what at least two runs know; oldest on the left."""
    wanted: list[tuple[str, Value, str, float | None]] = [
        ("Tests passed", pass_rate, "%", 100.0),
        ("Noticed, median of all faults", lambda run: run.get("noticed"), " s", None),
        ("Repaired, median of all faults", lambda run: run.get("repaired"), " s", None),
    ]
    found = []
    for title, value, unit, most in wanted:
        points = [(str(run["time"]), known) for run in runs if (known := value(run)) is not None]
        if len(points) > 1:
            found.append((title, chart(title, points, unit, most)))
    return found


def chart(title: str, points: list[tuple[str, float]], unit: str, most: float | None = None) -> str:
    """One line from 0 up to ``most`` (else the greatest value), the newest value beside its end."""
    top = most or max(value for _, value in points) or 1.0
    step = (WIDTH - LEFT - RIGHT) / max(len(points) - 1, 1)
    places = [
        (LEFT + step * number, TOP + (HEIGHT - TOP - BOTTOM) * (1 - min(value / top, 1.0)))
        for number, (_, value) in enumerate(points)
    ]
    base = HEIGHT - BOTTOM
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}" '
        'font-family="sans-serif" font-size="11" fill="currentColor" role="img">',
        f"<title>{escape(title)}</title>",
    ]
    for level, text in ((TOP, f"{_short(top)}{unit}"), (base, f"0{unit}")):
        parts.append(
            f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{level}" y2="{level}" '
            'stroke="currentColor" stroke-opacity="0.2"/>'
            f'<text x="{LEFT - 6}" y="{level + 4}" text-anchor="end">{escape(text)}</text>'
        )
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    parts.append(f'<polyline points="{path}" fill="none" stroke="{LINE}" stroke-width="2"/>')
    for (x, y), (when, value) in zip(places, points, strict=True):
        hint = f"{when}: {_short(value)}{unit}"
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{LINE}"><title>{escape(hint)}</title></circle>')
    (x, y), (_, last) = places[-1], points[-1]
    parts.append(f'<text x="{x + 8:.1f}" y="{y + 4:.1f}" font-weight="bold">{escape(_short(last) + unit)}</text>')
    return "".join([*parts, "</svg>"])


def _short(value: float) -> str:
    return f"{value:.3g}"
