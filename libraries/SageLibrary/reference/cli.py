"""The command ``sage-lab vocabulary``: what a suite can say."""

from __future__ import annotations

import copy
import json
import re
import sys
from dataclasses import dataclass

import click
from rich import box
from rich.console import Console
from rich.table import Table

from SageLibrary.reference.keywords import keywords, keywords_of_ssh_library
from SageLibrary.reference.search import search
from SageLibrary.reference.values import values

WIDE = 240


@dataclass(frozen=True)
class Entry:
    """One line of the list."""

    kind: str
    word: str
    arguments: tuple[str, ...]
    meaning: str
    chinese: str

    @property
    def written(self) -> str:
        """The word with its arguments, as in a table."""
        return "    ".join([self.word, *self.arguments])

    @property
    def name(self) -> str:
        """What a search means first of all."""
        return f"{self.word} {self.kind} {self.chinese}"

    @property
    def rest(self) -> str:
        """What else is said of it."""
        return f"{' '.join(self.arguments)} {self.meaning}"


@click.command("vocabulary")
@click.argument("query", nargs=-1, metavar="[SEARCH]...")
@click.option("--chinese", is_flag=True, help="Show the Chinese names too.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def vocabulary(query: tuple[str, ...], *, chinese: bool, as_json: bool) -> None:
    """Show what a suite can say: keywords with their arguments, faults, targets, nodes, states, problems, times.

    SEARCH may be misspelt or in Chinese. An argument with '=' is optional, one with '*' may be repeated.

    \b
    Examples:
      sage-lab vocabulary
      sage-lab vocabulary node state
      sage-lab vocabulary fault partiton
      sage-lab vocabulary --chinese power
    """
    sought = " ".join(query)
    entries = _entries()
    if sought:
        entries = search(sought, entries, lambda entry: (entry.name, entry.rest))
    if as_json:
        click.echo(json.dumps([_plain(entry) for entry in entries], indent=2, ensure_ascii=False))
    elif entries:
        _print(entries, chinese=chinese or not sought.isascii())
    if not entries:
        raise click.ClickException(f"nothing is like '{sought}'; 'sage-lab vocabulary' shows all")


words = copy.copy(vocabulary)
"""The command by its former name."""
words.hidden = True


def _entries() -> list[Entry]:
    found = [
        Entry(kind, one.name, one.arguments, re.sub("`+", "'", one.meaning), one.chinese)
        for kind, of_kind in (("keyword", keywords()), ("SSHLibrary", keywords_of_ssh_library()))
        for one in of_kind
    ]
    return found + [Entry(one.kind, one.word, (), one.meaning, one.chinese) for one in values()]


def _plain(entry: Entry) -> dict[str, object]:
    return {
        "kind": entry.kind,
        "word": entry.word,
        "arguments": list(entry.arguments),
        "meaning": entry.meaning,
        "chinese": entry.chinese,
    }


def _print(entries: list[Entry], *, chinese: bool) -> None:
    table = Table(box=box.SIMPLE_HEAD, expand=False)
    table.add_column("kind", no_wrap=True)
    table.add_column("name    and its arguments")
    if chinese:
        table.add_column("Chinese", no_wrap=True)
    table.add_column("meaning")
    for entry in entries:
        table.add_row(entry.kind, entry.written, *([entry.chinese] if chinese else []), entry.meaning)
    Console(file=sys.stdout, width=None if sys.stdout.isatty() else WIDE, markup=False).print(table)
