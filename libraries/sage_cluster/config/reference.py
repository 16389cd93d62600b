"""The configuration reference: every key of the typed model as a page in Markdown."""

from __future__ import annotations

import ast
import inspect
import json
from collections.abc import Iterator
from itertools import pairwise
from typing import get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from sage_cluster.config import schema
from sage_cluster.config.schema import Config

HEADER = """\
# The configuration file

`~/.sage/config.yaml`, or what `--config` or `$SAGE_CONFIG` names. `sage-cluster config init` writes a first one with
comments, `config check` says all that is wrong with one, `config set KEY VALUE` changes one value and nothing else.

Every key may be left out. Seconds may be fractions. Other keys than these are kept and not used, with a warning.
This page is made from the program's own model by `make docs`.
"""


def reference() -> str:
    """The page: a table for each section, then the keys at the top level."""
    parts = [HEADER]
    single: list[str] = []
    for name, field in Config.model_fields.items():
        if section := _section(field):
            rows = [_row(key, inner, _meanings(section)[key]) for key, inner in section.model_fields.items()]
            parts.append(_table(f"## {name}", inspect.getdoc(section) or "", rows))
        else:
            single.append(_row(name, field, _meanings(Config)[name]))
    parts.append(_table("## At the top level", "", single))
    return "\n".join(parts)


def _table(title: str, text: str, rows: list[str]) -> str:
    return "\n".join(
        [
            title,
            "",
            *([text, ""] if text else []),
            "| key | default | may be | meaning |",
            "|---|---|---|---|",
            *rows,
            "",
        ]
    )


def _row(key: str, field: FieldInfo, meaning: str) -> str:
    return f"| `{key}` | {_default(field)} | {field.description or ''} | {meaning} |"


def _default(field: FieldInfo) -> str:
    if field.default is PydanticUndefined or field.default is None:
        return ""
    value = list(field.default) if isinstance(field.default, tuple) else field.default
    return f"`{json.dumps(value).strip(chr(34))}`"


def _section(field: FieldInfo) -> type[BaseModel] | None:
    for candidate in (field.annotation, *get_args(field.annotation)):
        if isinstance(candidate, type) and issubclass(candidate, BaseModel):
            return candidate
    return None


def _meanings(section: type[BaseModel]) -> dict[str, str]:
    """What the text below each key says. The tests demand one for each key, so that a lookup finds it."""
    tree = ast.parse(inspect.getsource(schema))
    body = next(node.body for node in tree.body if isinstance(node, ast.ClassDef) and node.name == section.__name__)
    return dict(_texts(body))


def _texts(body: list[ast.stmt]) -> Iterator[tuple[str, str]]:
    for statement, text in pairwise(body):
        if not (isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name)):
            continue
        if isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant):
            yield statement.target.id, str(text.value.value)
