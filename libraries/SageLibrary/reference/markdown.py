"""The reference as a page of Markdown: one text that is kept with the source, so that a change of words is seen."""

from __future__ import annotations

import re
from itertools import groupby

from SageLibrary.reference.keywords import Keyword, keywords
from SageLibrary.reference.values import Value, values

HEAD = """# The vocabulary of a suite

Made by `make docs` from the source; do not edit. `sage-lab vocabulary SEARCH` searches the same list in a terminal,
even when misspelt; `results/keywords.html`, which `make docs` makes too, has Robot Framework's own search.

An argument with `=` is optional and shows its default, one with `*` may be repeated or left out. Every argument can be
given by its name: `within=30 s`. Case, spaces and hyphens do not matter.
"""
FAULTS = "Faults"
TITLES = {
    "target": "Targets",
    "node": "Nodes",
    "state": "States of a node",
    "supervised state": "States of a supervised node",
    "problem of SSH": "Problems of SSH",
    "argument": "Arguments",
    "time": "Times",
}


def page() -> str:
    """The whole page."""
    words = keywords()
    names = {one.name for one in words}
    groups = [(group, list(found)) for group, found in groupby(words, key=lambda one: one.group)]
    kinds = [(title, list(found)) for title, found in groupby(values(), key=_title)]
    contents = [f"- [{title}](#{_anchor(title)})" for title, _ in [*groups, *kinds]]
    parts = [HEAD, "\n".join(contents)]
    parts += [_group(group, found, names) for group, found in groups]
    parts += [_values(title, found) for title, found in kinds]
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


def _group(group: str, found: list[Keyword], names: set[str]) -> str:
    entries = [f"## {group}"]
    for one in found:
        arguments = [f"`{'    '.join(one.arguments)}`"] if one.arguments else []
        chinese = [f"In Chinese: {one.chinese}"] if one.chinese else []
        entries += [f"### {one.name}", *arguments, _text(one.doc, names), *chinese]
    return "\n\n".join(entries)


def _title(value: Value) -> str:
    return TITLES.get(value.kind, FAULTS)


def _values(title: str, found: list[Value]) -> str:
    columns = ["word", "in Chinese", *(["kind"] if title == FAULTS else []), "meaning"]
    rows = [columns, ["---"] * len(columns)]
    for one in found:
        rows.append([one.word, one.chinese, *([one.kind] if title == FAULTS else []), one.meaning.replace("|", "\\|")])
    return "\n".join([f"## {title}", "", *(f"| {' | '.join(row)} |" for row in rows)])


def _text(doc: str, names: set[str]) -> str:
    """Robot's markup as Markdown: code, links to keywords, and examples."""
    lines = []
    for is_example, found in groupby(doc.splitlines(), key=lambda line: line.startswith("| ")):
        if is_example:
            rows = ["    ".join(cell.strip() for cell in line.strip("| ").split(" | ")) for line in found]
            lines += ["```robotframework", *rows, "```"]
        else:
            lines += [_sentence(line, names) for line in found]
    return "\n".join(lines)


def _sentence(line: str, names: set[str]) -> str:
    parts = line.split("``")  # every second one is code
    for number in range(0, len(parts), 2):
        parts[number] = re.sub(r"`([^`]+)`", lambda found: _link(found[1], names), parts[number])
    return "`".join(parts)


def _link(name: str, names: set[str]) -> str:
    return f"[{name}](#{_anchor(name)})" if name in names else f"`{name}`"


def _anchor(title: str) -> str:
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")
