"""What went wrong in a run: each test with its reason, its nodes' first errors, and how to run it again."""

from __future__ import annotations

import os
import re
import shlex
from html import escape
from pathlib import Path

from SageLibrary.recording.run import RecordedTest, Run
from SageLibrary.recording.verdict import BAD
from SageLibrary.report import frame
from SageLibrary.report.picture_of_test import picture

ERROR = re.compile(r"^\[[^\]]* [EF] \d+ \d+\]|\b(?:ERROR|FATAL|CRITICAL)\b|^Traceback ")
NO_WORD = re.compile(r"\W+")
EVIDENCE = "evidence"
LOG = "ray_logs.txt"
HEADING = "=== "  # before the lines of each log in that file
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
    """Of each node's logs in an evidence directory the first line that is an error, with the name of its log."""
    found = {}
    for file in sorted(directory.glob(f"*/{LOG}")):
        log = ""
        for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith(HEADING):
                log = line.removeprefix(HEADING).rpartition("/")[2]
            elif ERROR.search(line):
                found[file.parent.name] = f"{log}: {line.strip()[:CHARACTERS]}"
                break
    return found


def replay_command(test: RecordedTest) -> str:
    """The command that runs this test alone, on the kind of lab that this process was told of."""
    told = [f"{name}={shlex.quote(os.environ[name])}" for name in SETTINGS if os.environ.get(name)]
    return " ".join([*told, shlex.join(["robot", "--test", test.name, test.source])])


def section(run: Run, results: Path) -> str:
    """The part of the page; empty when nothing went wrong. ``results``: where the page and the evidence lie."""
    bad = [(number, test) for number, test in enumerate(run.tests) if test.outcome in BAD]
    if not bad:
        return ""
    return "<h2>What went wrong</h2>" + "".join(_one(number, test, results) for number, test in bad)


def _one(number: int, test: RecordedTest, results: Path) -> str:
    name = evidence_name(f"{test.suite}.{test.name}")
    errors = "".join(
        f'<tr><th scope="row">{escape(node)}</th><td><code>{escape(line)}</code></td></tr>'
        for node, line in first_errors(results / name).items()
    )
    table = f'<p class="quiet">First error of each node:</p><table><tbody>{errors}</tbody></table>' if errors else ""
    evidence = (results / name).is_dir()
    return (
        f'<section class="wrong {test.outcome.value}"><h3>{frame.word(test.outcome)} {escape(test.name)} '
        f'<span class="quiet">{escape(test.suite)}, {test.seconds:.1f} s</span></h3>'
        f'<pre class="message">{escape(_reason(test))}</pre>{picture(number, test)}{table}'
        + (f'<p><a href="{escape(name)}/">Logs, processes and network of every node</a></p>' if evidence else "")
        + f"<p>Run it again: <code>{escape(replay_command(test))}</code></p></section>"
    )


def _reason(test: RecordedTest) -> str:
    """The message without the place of the evidence, which has a link."""
    return test.message.partition("\n\nEvidence of every node:")[0].strip() or "no message"
