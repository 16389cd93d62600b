"""What the colours and shapes of a timeline mean."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from SageLibrary.recording.figures import Figures
from SageLibrary.recording.recording import NOBODY, Recording
from SageLibrary.report import wording
from SageLibrary.report.colours import DOWN, colour_of

ROW = 20
LETTER = 6.6
MOST_WIDTH = 760


@dataclass(frozen=True)
class Entry:
    """One shape, or a state's colour, with what it means; at this place in pixels."""

    shape: str
    colour: str
    text: str
    x: float
    y: float


def entries(recording: Recording, figures: list[Figures], left: float, y: float) -> tuple[list[Entry], float]:
    """The rows of the legend from ``y`` on, and where they end."""
    placed: list[Entry] = []
    x = left
    for shape, colour, text in _meanings(recording, figures):
        width = 34 + LETTER * len(text)
        if x > left and x + width > left + MOST_WIDTH:
            x, y = left, y + ROW
        placed.append(Entry(shape, colour, text, x, y))
        x += width
    return placed, y + ROW + 4


def _meanings(recording: Recording, figures: list[Figures]) -> Iterator[tuple[str, str, str]]:
    for state in dict.fromkeys(sight.state for sight in (*recording.sights, *recording.beliefs)):
        if state != NOBODY:
            yield "low state" if state in DOWN else "state", colour_of(state), wording.plain(state)
    if recording.beliefs:
        yield "bars", "", "thick: the newest observation of a node; thin: the supervisor's view"
    if figures:
        yield "fault", "", "fault, until healed"
        for moment in ("noticed", "repair decided", "repaired"):
            yield moment, "", moment
    if any(figure.quarantined is not None for figure in figures):
        yield "given up", "", "given up (quarantine)"
