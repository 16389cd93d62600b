"""A table in Robot's log."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from SageLibrary.report.frame import render

Row = tuple[object, ...]


def table(heads: Sequence[str], rows: Iterable[Row]) -> str:
    """The rows as HTML."""
    return render("table", heads=heads, rows=rows)
