"""What every kind of word has: the stage."""

from __future__ import annotations

from robot.api import SkipExecution

from sage_lab import Ability
from SageLibrary.context import Stage


class Component:
    """A part of the library."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage

    def need(self, ability: Ability) -> None:
        """Skip the test, with the reason, when the machines of this lab cannot do it."""
        if reason := self.stage.lab.lacks(ability):
            raise SkipExecution(f"this lab's machines have no '{ability.value}': {reason}")
