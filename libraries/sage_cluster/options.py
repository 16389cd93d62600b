"""What callers may give as an option of an operation: anything else is refused before a node is touched."""

from __future__ import annotations

import math
from collections.abc import Sequence


def check_options(*, wait: float = 0.0, names: Sequence[str] | None = None, **switches: bool) -> None:
    """Raise TypeError for an option of a wrong type, ValueError for seconds that are none.

    ``wait`` is seconds, ``names`` a list of names and not the text of one, every other option True or False.
    """
    if isinstance(wait, bool) or not isinstance(wait, int | float):
        raise TypeError(f"wait was {wait!r}, should be seconds")
    if not math.isfinite(wait) or wait < 0:
        raise ValueError(f"wait was {wait!r}, should be seconds from 0")
    if names is not None and (isinstance(names, str) or not all(isinstance(name, str) for name in names)):
        raise TypeError(f"names was {names!r}, should be a list of workers' names")
    for option, value in switches.items():
        if not isinstance(value, bool):
            raise TypeError(f"{option} was {value!r}, should be True or False")
