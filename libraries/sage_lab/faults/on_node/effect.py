"""What every fault that lives on a node can do there. One object stands for one fault on this node."""

from __future__ import annotations

from typing import Any


class CannotError(Exception):
    """The node is not such that the fault can be injected, or healed; the text says why."""


class Effect:
    """A fault on this node; ``plan`` is what ``prepare`` answered, merged over the options it was asked with."""

    holds = False
    """Whether a process has to stay and do ``hold`` while the fault lasts."""

    def __init__(self, fault: str, plan: dict[str, Any]) -> None:
        self.fault = fault
        self.plan = plan

    def prepare(self) -> dict[str, Any]:
        """Change nothing; answer what ``begin`` and ``heal`` need to know. Raises CannotError."""
        return {}

    def begin(self) -> None:
        """Let the fault take effect."""

    def hold(self) -> None:
        """Run in a process of its own until it is killed."""

    def heal(self) -> None:
        """Undo it; undone already is no error."""

    def effective(self) -> str:
        """Nothing when the effect can be seen, else what is seen instead."""
        return ""

    def recovered(self) -> str:
        """Nothing when the effect is over, else what is seen instead."""
        return ""
