"""The states of every node over a run, drawn as one inline SVG."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from html import escape

LANE = 26
LEFT = 110
WIDTH = 900
COLOURS = {
    "running": "#2e9e5b",
    "starting": "#8fd3aa",
    "starting again": "#e0b04c",
    "restarting": "#8fd3aa",
    "joining": "#8fd3aa",
    "stopping": "#b9c4d0",
    "draining": "#b9c4d0",
    "stopped": "#e3e8ee",
    "removed": "#e3e8ee",
    "unreachable": "#d0443e",
    "cut_off": "#d0443e",
    "hung": "#a0306e",
    "unregistered": "#e08a2c",
    "incomplete": "#e08a2c",
}
UNKNOWN = "#e0573e"


@dataclass(frozen=True)
class Sight:
    """A node seen in a state, at a time on the monotonic clock in seconds."""

    node: str
    state: str
    at: float


class Timeline:
    """Collects sights from any thread."""

    def __init__(self) -> None:
        self._sights: list[Sight] = []
        self._marks: list[tuple[str, float]] = []
        self._guard = threading.Lock()

    def clear(self) -> None:
        """Begin anew, for the next suite."""
        with self._guard:
            self._sights.clear()
            self._marks.clear()

    def record(self, node: str, state: str) -> None:
        """A node is in this state from now on."""
        with self._guard:
            self._sights.append(Sight(node, state, time.monotonic()))

    def mark(self, text: str) -> None:
        """Something that concerns all nodes happened now: a test began."""
        with self._guard:
            self._marks.append((text, time.monotonic()))

    def svg(self) -> str:
        """The picture, or an empty string when nothing was seen."""
        with self._guard:
            sights, marks = list(self._sights), list(self._marks)
        if not sights:
            return ""
        begin = min([s.at for s in sights] + [at for _, at in marks])
        end = time.monotonic()
        scale = WIDTH / max(end - begin, 0.001)
        nodes = sorted({s.node for s in sights}, key=lambda node: (node != "head", node))
        top = 8 + 14 * (1 if marks else 0)
        height = top + LANE * len(nodes) + 54
        parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{LEFT + WIDTH + 20}" height="{height}" '
            'font-family="sans-serif" font-size="12" style="background:#fff" role="img">'
            "<title>States of the nodes over time</title>"
        ]
        for row, node in enumerate(nodes):
            y = top + row * LANE
            parts.append(f'<text x="4" y="{y + 16}">{escape(node)}</text>')
            own = [s for s in sights if s.node == node]
            for sight, until in zip(own, [*(s.at for s in own[1:]), end], strict=True):
                x, width = LEFT + (sight.at - begin) * scale, max((until - sight.at) * scale, 1.0)
                hint = f"{node}: {sight.state}, {sight.at - begin:.1f} s to {until - begin:.1f} s"
                parts.append(
                    f'<rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="{LANE - 6}" '
                    f'fill="{COLOURS.get(sight.state, UNKNOWN)}"><title>{escape(hint)}</title></rect>'
                )
        bottom = top + LANE * len(nodes)
        for number, (text, at) in enumerate(marks, start=1):
            x = LEFT + (at - begin) * scale
            parts.append(
                f'<g><title>{escape(text)}, at {at - begin:.1f} s</title><line x1="{x:.1f}" x2="{x:.1f}" '
                f'y1="{top - 6}" y2="{bottom}" stroke="#555" stroke-dasharray="2 3"/>'
                f'<text x="{x + 2:.1f}" y="{top - 8}" fill="#555" font-size="10">{number}</text></g>'
            )
        for step in range(6):
            x = LEFT + WIDTH * step / 5
            parts.append(
                f'<text x="{x:.1f}" y="{bottom + 12}" fill="#555" text-anchor="middle">'
                f"{(end - begin) * step / 5:.0f} s</text>"
            )
        x = float(LEFT)
        for state in dict.fromkeys(s.state for s in sights):
            parts.append(
                f'<rect x="{x:.0f}" y="{bottom + 26}" width="12" height="12" fill="{COLOURS.get(state, UNKNOWN)}"/>'
                f'<text x="{x + 16:.0f}" y="{bottom + 36}">{escape(state)}</text>'
            )
            x += 30 + 7 * len(state)
        return "".join([*parts, "</svg>"])
