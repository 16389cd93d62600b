"""What stands in Robot's log as HTML: tables, and links to files beside the log."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from SageLibrary.report.frame import render

Row = tuple[object, ...]


def table(heads: Sequence[str], rows: Iterable[Row]) -> str:
    """The rows as HTML."""
    return render("table", heads=heads, rows=rows)


def links(said: str, files: Mapping[str, str]) -> str:
    """What is said as HTML, with a link to each file: its path from the log's directory, by what it is called."""
    return render("links", said=said, files=files)
