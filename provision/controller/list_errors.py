"""Print every error message of the product as a page in Markdown, from the places in the source that raise it.

What a message says to do is its ``fix`` in the source, or, where that has none, its entry in docs/fixes.yaml, which
has the cause too, where one is worth telling.
usage: python provision/controller/list_errors.py >docs/errors.md
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import yaml

ROOT = Path(__file__).resolve().parents[2]
FIXES = ROOT / "docs" / "fixes.yaml"
PACKAGES = {"sage_cluster": "sage-cluster", "sage_lab": "sage-lab", "SageLibrary": "The words of the suites"}
VARIES = "…"
RAISED = ("Error", "SkipExecution", "ClickException")
BUILT_IN = {
    "AssertionError": "A test found that something is not as it should be: what was seen, and what should have been.",
    "ClickException": "The command line cannot be carried out.",
    "ConnectionError": "A peer does not answer as it should.",
    "ConnectionResetError": "A peer ended the connection.",
    "EOFError": "A peer ended the connection.",
    "KeyError": "There is nothing of this name.",
    "OSError": "A peer does not answer as it should.",
    "RuntimeError": "A keyword was called out of order.",
    "TypeError": "An option of a call has the wrong type.",
    "TimeoutError": "A peer did not do its part in time.",
    "SkipExecution": "The test is skipped: this lab cannot do what it needs.",
    "UsageError": "The command line is wrong.",
    "ValueError": "A value is wrong. In a configuration file, the error around it names the line and the key.",
}
HEADER = """\
# Every error message

Search this page for words of the message that you see; `…` stands for what differs from time to time.
[troubleshooting.md](troubleshooting.md) has what shows itself without a message.
This page is made from the source by `make docs`.
"""


class Message(NamedTuple):
    """A message as the source has it: which package and error, its text, and what it says to do."""

    package: str
    error: str
    text: str
    fix: str
    place: str


def messages(package: str) -> Iterator[Message]:
    """Every message that this package's source raises in its own words."""
    for path in sorted((ROOT / "libraries" / package).rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        known = _constants(tree)
        for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
            error = ast.unparse(call.func).rsplit(".", 1)[-1]
            if not error.endswith(RAISED) or not error[:1].isupper() or not call.args:
                continue
            text = _text(call.args[0], known)
            if _says_something(text):  # otherwise it passes on what another one said
                fix = next((_text(k.value, known) for k in call.keywords if k.arg == "fix"), "")
                place = f"{path.relative_to(ROOT)}:{call.lineno}"
                yield Message(package, error, " ".join(text.split()), fix if _says_something(fix) else "", place)


def causes() -> dict[str, str]:
    """What each error means: the first paragraph of its class."""
    found = dict(BUILT_IN)
    for path in sorted((ROOT / "libraries").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef) and node.name.endswith(RAISED) and (text := ast.get_docstring(node)):
                found[node.name] = " ".join(text.split("\n\n")[0].split())
    return found


def page(advice: dict[str, dict[str, str]]) -> str:
    """The whole page; ``advice`` is what docs/fixes.yaml says."""
    means = causes()
    parts = [HEADER]
    for package, title in PACKAGES.items():
        parts.append(f"## {title}\n")
        found = sorted(set(messages(package)), key=lambda m: (m.error, m.text))
        for error in dict.fromkeys(message.error for message in found):
            parts.append(f"### {error}\n\n{means[error]}\n")
            if shared := advice["fix"].get(error, ""):
                parts.append(f"**What to do:** {shared}\n")
            rows = sorted({(m.text, _what_to_do(m, advice)) for m in found if m.error == error})
            if any(todo for _, todo in rows):
                table = (f"| {_cell(text)} | {_cell(todo)} |" for text, todo in rows)
                parts.append("\n".join(["| message | what to do |", "|---|---|", *table, ""]))
            else:
                parts.append("\n".join([*(f"- {_cell(text)}" for text, _ in rows), ""]))
    return "\n".join(parts)


def _says_something(text: str) -> bool:
    return bool(text.replace(VARIES, "").strip(" :;,.()'\n"))


def _what_to_do(message: Message, advice: dict[str, dict[str, str]]) -> str:
    fix = message.fix or advice["fix"].get(message.text, "")
    return " ".join(filter(None, [advice["why"].get(message.text, ""), fix[:1].upper() + fix[1:]]))


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*")


def _constants(tree: ast.Module) -> dict[str, str]:
    return {
        target.id: node.value.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        for target in node.targets
        if isinstance(target, ast.Name)
    }


def _text(node: ast.expr, known: dict[str, str]) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.Name) and node.id in known:
        return known[node.id]
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(v.value if isinstance(v, ast.FormattedValue) else v, known) for v in node.values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return _text(node.left, known) + _text(node.right, known)
    return VARIES


if __name__ == "__main__":
    sys.stdout.write(page(yaml.safe_load(FIXES.read_text(encoding="utf-8"))))
