"""Words that a suite can say and none says: a fault, a state, a target or a problem of no row, a keyword of no step.

``python provision/controller/unused_words.py [SUITES]`` ends with status 1 when there are others than those below.
"""

from __future__ import annotations

import sys
from pathlib import Path

import click
from robot import result, running
from robot.errors import DataError  # type: ignore[import-untyped]  # it has no type hints
from robot.libraries.BuiltIn import BuiltIn

from SageLibrary.arguments.vocabulary import plain
from SageLibrary.reference.keywords import keywords
from SageLibrary.reference.values import values

ROOT = Path(__file__).parents[2]
NO_ROWS = {"argument", "time", "node"}
"""Kinds of values that are no set of which each member needs a row."""
KNOWN = {
    "worker process killed": "a worker has such processes only while a job runs on it: for a story, not for a row",
    "corrupting": "needs sch_netem, which few kernels of containers have: tests/integration has it",
    "duplicating": "as corrupting",
    "reordering": "as corrupting",
    "command too slow": "said by Slow Command Should Be Ended itself",
    "broken": "no keyword breaks a connection half-way yet",
    "Cut The Power": "suites inject the fault 'power cut', which heals by itself; for stories of one's own",
    "Restore The Power": "as Cut The Power",
}
"""Words that no suite says, and why."""


class Said:
    """A listener that gathers what a dry run says: keywords, and what stands in their arguments."""

    ROBOT_LISTENER_API_VERSION = 3

    def __init__(self) -> None:
        self.keywords: set[str] = set()
        self.values: set[str] = set()

    def start_library_keyword(self, data: running.Keyword, keyword: running.LibraryKeyword, _: result.Keyword) -> None:
        """A step in Python."""
        self._hear(data, keyword.name)

    def start_user_keyword(self, data: running.Keyword, keyword: running.UserKeyword, _: result.Keyword) -> None:
        """A step of other steps."""
        self._hear(data, keyword.name)

    def _hear(self, data: running.Keyword, name: str | None) -> None:
        self.keywords.add(name or "")
        for argument in data.args:
            try:
                value = BuiltIn().replace_variables(argument)
            except DataError:  # known only in a real run
                continue
            self.values |= {
                plain(str(one).rpartition("=")[2]) for one in (value if isinstance(value, list) else [value])
            }


def unused(*suites: Path) -> set[str]:
    """The words that none of these suites says, by a dry run of them. Touches no machine."""
    said = Said()
    running.TestSuite.from_file_system(*suites).run(dryrun=True, output=None, console="none", listener=said)
    silent = {one.word for one in values() if one.kind not in NO_ROWS and plain(one.word) not in said.values}
    return silent | {one.name for one in keywords() if one.name not in said.keywords}


def main(*suites: str) -> int:
    """Tell of each word that is not as `KNOWN` says. Returns the exit status."""
    silent = unused(*(map(Path, suites) if suites else [ROOT / "robot"]))
    for word in sorted(silent - set(KNOWN)):
        click.echo(f"no suite says '{word}': give it a row or a step, or say in {Path(__file__).name} why it has none")
    for word in sorted(set(KNOWN) - silent):
        click.echo(f"'{word}' is said by a suite now: take it out of {Path(__file__).name}")
    return int(silent != set(KNOWN))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
