"""What went wrong in a run: each test with its reason, its nodes' first errors, and how to run it again."""

from __future__ import annotations

import os
import re
import shlex
from dataclasses import dataclass
from pathlib import Path

from SageLibrary.recording.run import RecordedTest, Run
from SageLibrary.recording.verdict import BAD
from SageLibrary.report.lanes import Picture, of_test

ERROR = re.compile(r"^\[[^\]]* [EF] \d+ \d+\]|\b(?:ERROR|FATAL|CRITICAL)\b|^Traceback ")
NO_WORD = re.compile(r"\W+")
EVIDENCE = "evidence"
LOG = "ray_logs.txt"
HEADING = "=== "
"""Before a time in that file: of the test's begin, and above the lines of each log of when it was written last."""
BEGIN = "the test began"
STAMP = re.compile(r"\[?(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)")
CHARACTERS = 300
SETTINGS = (
    "SAGE_LAB_PROVIDER",
    "SAGE_LAB_TOPOLOGY",
    "SAGE_LAB_INVENTORY",
    "SAGE_BOX",
    "SAGE_ACCELERATION",
    "SAGE_MANAGERS",
)
"""Environment variables without which another lab, or another manager, would be judged."""


def evidence_name(full_name: str) -> str:
    """The directory of a failed test's evidence, below the results."""
    return f"{EVIDENCE}/{NO_WORD.sub('_', full_name)}"


def first_errors(directory: Path) -> dict[str, str]:
    """Of each node's logs in an evidence directory the first error since the test began, with the name of its log.

    All times are those of the node. A line without one is as old as the one before it, and no newer than its log.
    """
    found = {}
    for file in sorted(directory.glob(f"*/{LOG}")):
        since = stamp = log = ""
        for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
            said = line.removeprefix(HEADING)
            if dated := STAMP.match(said):
                stamp = dated[1]
            if said == f"{stamp} {BEGIN}":
                since = stamp
            elif line.startswith(HEADING):
                log = said.rpartition("/")[2]
            elif ERROR.search(line) and stamp >= since:
                found[file.parent.name] = f"{log}: {line.strip()[:CHARACTERS]}"
                break
    return found


def replay_command(test: RecordedTest) -> str:
    """The command that runs this test alone, on the kind of lab that this process was told of."""
    told = [f"{name}={shlex.quote(os.environ[name])}" for name in SETTINGS if os.environ.get(name)]
    return " ".join([*told, shlex.join(["robot", "--test", test.name, test.source])])


@dataclass(frozen=True)
class Failure:
    """A test that went wrong, this one of its run; with its nodes' first errors and the directory of its evidence."""

    number: int
    test: RecordedTest
    picture: Picture | None
    reason: str
    errors: dict[str, str]
    evidence: str
    replay: str


def failures(run: Run, results: Path) -> list[Failure]:
    """What went wrong, in the order of the run. ``results``: where the page and the evidence lie."""
    return [_failure(number, test, results) for number, test in enumerate(run.tests) if test.outcome in BAD]


def _failure(number: int, test: RecordedTest, results: Path) -> Failure:
    name = evidence_name(f"{test.suite}.{test.name}")
    # The message says where the evidence lies; on the page that is a link.
    reason = test.message.partition("\n\nEvidence of every node:")[0].strip() or "no message"
    evidence = name if (results / name).is_dir() else ""
    return Failure(
        number, test, of_test(number, test), reason, first_errors(results / name), evidence, replay_command(test)
    )
