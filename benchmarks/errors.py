"""What goes wrong in a measurement."""

from __future__ import annotations


class BenchmarkError(Exception):
    """A measurement has no valid value: ``what`` happened, ``where`` (node, way, command), and the ``fix``."""

    def __init__(self, what: str, *, where: str, fix: str) -> None:
        super().__init__(f"{where}: {what}; {fix}")
