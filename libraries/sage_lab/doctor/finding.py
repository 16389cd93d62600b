"""What was found about this machine."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal

Group = Literal["container lab", "VM lab"]


@dataclass(frozen=True)
class Finding:
    """One check: what was found, and for a failure the command or change that mends it."""

    group: Group
    check: str
    good: bool
    found: str
    fix: str = ""

    def as_dict(self) -> dict[str, object]:
        """The same as plain values, for JSON."""
        return asdict(self)
