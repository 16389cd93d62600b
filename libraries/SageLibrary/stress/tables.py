"""A table in Robot's log."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

Row = tuple[object, ...]


def table(heads: Sequence[str], rows: Iterable[Row]) -> str:
    """The rows as HTML."""
    head = "".join(f'<th align="left">{escape(text)}</th>' for text in heads)
    body = "".join("<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>" for row in rows)
    return f'<table cellpadding="4"><tr>{head}</tr>{body}</table>'
