"""What the colours and shapes of a timeline mean."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from html import escape

from SageLibrary.recording.figures import Figures
from SageLibrary.recording.recording import NOBODY, Recording, Sight
from SageLibrary.report.colours import colour_of

ROW = 20
LETTER = 6.6
MOST_WIDTH = 760


def noticed(x: float, y: float) -> str:
    """A triangle that points down on the upper edge of a bar."""
    return _shape(f"M{x:.1f},{y + 5:.1f}l-6,-10h12z", "#ffd34d")


def decided(x: float, y: float) -> str:
    """A diamond on the middle of a bar."""
    return _shape(f"M{x:.1f},{y - 6:.1f}l5,6l-5,6l-5,-6z", "#fff")


def repaired(x: float, y: float) -> str:
    """A triangle that points up on the lower edge of a bar."""
    return _shape(f"M{x:.1f},{y - 5:.1f}l-6,10h12z", "#7dffb0")


def given_up(x: float, y: float) -> str:
    """A cross on the middle of a bar."""
    return f'<path d="M{x - 5:.1f},{y - 5:.1f}l10,10m0,-10l-10,10" stroke="#000" stroke-width="3" fill="none"/>'


def draw(recording: Recording, figures: list[Figures], left: float, y: float) -> tuple[list[str], float]:
    """The rows of the legend from ``y`` on, and where they end."""
    parts: list[str] = []
    x = left
    for picture, text in _entries(recording, figures):
        width = 34 + LETTER * len(text)
        if x > left and x + width > left + MOST_WIDTH:
            x, y = left, y + ROW
        parts.append(f'<svg x="{x:.0f}" y="{y:.0f}" width="20" height="16">{picture}</svg>')
        parts.append(f'<text x="{x + 22:.0f}" y="{y + 11:.0f}">{escape(text)}</text>')
        x += width
    return parts, y + ROW + 4


def _entries(recording: Recording, figures: list[Figures]) -> Iterator[tuple[str, str]]:
    for state in _states((*recording.sights, *recording.beliefs)):
        yield f'<rect x="2" y="1" width="14" height="12" fill="{colour_of(state)}"/>', state.replace("_", " ")
    if recording.beliefs:
        yield (
            '<rect x="0" y="0" width="18" height="8" fill="currentColor" fill-opacity="0.4"/>'
            '<rect x="0" y="10" width="18" height="4" fill="currentColor"/>',
            "thick: what the tests saw; thin: what the supervisor thought",
        )
    if figures:
        yield '<path d="M1,13l6,-12m0,12l6,-12" stroke="currentColor" stroke-width="2.5"/>', "fault, until healed"
        yield noticed(9, 5), "noticed"
        yield decided(9, 7), "repair decided"
        yield repaired(9, 9), "repaired"
    if any(figure.quarantined is not None for figure in figures):
        yield (
            '<path d="M4,2l10,10m0,-10l-10,10" stroke="currentColor" stroke-width="3" fill="none"/>',
            "given up (quarantine)",
        )


def _states(sights: Iterable[Sight]) -> list[str]:
    return [state for state in dict.fromkeys(sight.state for sight in sights) if state != NOBODY]


def _shape(path: str, fill: str) -> str:
    return f'<path d="{path}" fill="{fill}" stroke="#111" stroke-width="1.2"/>'
