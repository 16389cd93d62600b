"""The last run of a suite in which everything passed, and what is different now."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from SageLibrary.recording.run import RecordedTest, Run
from SageLibrary.recording.verdict import BAD, Outcome, verdict_of

FILE = "last-green.json"
SLOWER = 1.5
SLOWER_SECONDS = 5.0
"""A test is told to be slower when it took this many times as long and so many seconds longer."""
MOST_NAMES = 8

Green = dict[str, Any]
"""``time`` of the run and ``seconds`` by the tests' suites and names."""


def keep(run: Run, directory: Path) -> None:
    """Remember the run when all of it passed."""
    if verdict_of(test.outcome for test in run.tests) is not Outcome.PASSED:
        return
    known = _read(directory)
    known[run.suite] = {"time": run.time, "seconds": {_key(test): round(test.seconds, 1) for test in run.tests}}
    (directory / FILE).write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")


def last_green(directory: Path, suite: str) -> Green | None:
    """The last run of this suite in which everything passed, before this one is kept; None when there is none."""
    found: Green | None = _read(directory).get(suite)
    return found


def differences(run: Run, green: Green) -> list[str]:
    """What is different from the last green run, in sentences."""
    before: dict[str, float] = green["seconds"]
    now = {_key(test): test for test in run.tests}
    said = [
        f"{_name(key)}: passed then, {test.outcome.value} now"
        for key, test in now.items()
        if key in before and test.outcome in BAD
    ]
    said += _names("new", [key for key in now if key not in before])
    said += _names("not run now", [key for key in before if key not in now])
    for key, test in now.items():
        took = before.get(key, 0.0)
        if took and test.seconds > SLOWER * took and test.seconds - took > SLOWER_SECONDS:
            said.append(f"{_name(key)}: took {test.seconds:.0f} s, {took:.0f} s then")
    return said


def _names(what: str, keys: list[str]) -> list[str]:
    more = f" and {len(keys) - MOST_NAMES} more" if len(keys) > MOST_NAMES else ""
    return [f"{what}: {', '.join(map(_name, keys[:MOST_NAMES]))}{more}"] if keys else []


def _key(test: RecordedTest) -> str:
    """Two suites of a run may have tests of one name."""
    return f"{test.suite}: {test.name}"


def _name(key: str) -> str:
    """Without the suites above the test's own."""
    suite, _, name = key.partition(": ")
    return f"{suite.rpartition('.')[2]}: {name}"


def _read(directory: Path) -> dict[str, Any]:
    try:
        known: dict[str, Any] = json.loads((directory / FILE).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return known
