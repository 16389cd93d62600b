"""What a keyword breaks, said by its tags: `sage-test plan`, lint and the check of the tests' own tags read them."""

from __future__ import annotations

from collections.abc import Iterable

BREAKS = "breaks"
LEFT_BROKEN = "left-broken"
"""The tag of a keyword after which something stays broken until another one repairs it: its test needs a teardown."""
_FAULT = "fault: "


def breaks(fault: str = "", *, left_broken: bool = False) -> list[str]:
    """The tags of a keyword that breaks something; ``fault`` says what, unless an argument of the keyword does."""
    return [BREAKS, *([LEFT_BROKEN] if left_broken else []), *([_FAULT + fault] if fault else [])]


def faults_in(tags: Iterable[str]) -> list[str]:
    """What a keyword with these tags breaks, as far as they say it."""
    return [tag.removeprefix(_FAULT) for tag in tags if tag.startswith(_FAULT)]
