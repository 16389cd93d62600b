"""What every kind of word has: the stage."""

from __future__ import annotations

from SageLibrary.stage import Stage


class Component:
    """A part of the library."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
