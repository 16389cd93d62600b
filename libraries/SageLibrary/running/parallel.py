"""Suites side by side by pabot, each process with a lab of its own."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from sage_lab import default_name, sweep
from SageLibrary import keep_lab
from SageLibrary.recording.run import FILE as RECORDINGS
from SageLibrary.report.page import FILE as PAGE
from SageLibrary.report.parts import Part, write_parts
from SageLibrary.running.attempts import OUTPUT, PARTS
from SageLibrary.running.robot_process import run_robot

LABS = "SAGE_PARALLEL_LABS"
NAMES = Path(".pabotsuitenames")
PROCESS = re.compile(r"PABOTEXECUTIONPOOLID:(\d+)")


def run_parallel(directory: Path, options: Sequence[str], suites: Sequence[str], processes: int) -> int:
    """Run so many suites at once, each on a lab of its own, and merge the results in ``directory``.

    Returns robot's exit status. The labs are swept at the end, however that came.
    """
    prefix = default_name()[:29]  # a lab's name has at most 32 characters
    command = [
        *(sys.executable, "-m", "pabot.pabot", "--no-pabotlib", "--processes", str(processes)),
        *("--command", sys.executable, "-m", __name__, "--end-command"),
        *("--outputdir", str(directory), *options, *suites),
    ]
    try:
        status = run_robot(command, {**os.environ, LABS: prefix})
        if (directory / OUTPUT).exists():
            write_parts(directory / OUTPUT, _parts(directory))
        return status
    finally:
        NAMES.unlink(missing_ok=True)  # pabot's memory of suites, which would outlive a change of theirs
        if not (keep_lab.always() or keep_lab.on_fail()):
            for number in range(processes):
                sweep(f"{prefix}-{number}")


def _parts(directory: Path) -> list[Part]:
    """The page of each process's suite, by the suite's name."""
    found = {}
    for page in directory.glob(f"{PARTS}/*/{PAGE}"):
        recorded = json.loads(page.with_name(RECORDINGS).read_text(encoding="utf-8"))
        found[recorded["results"][0]["suite"]] = page
    return sorted(found.items())


def main() -> NoReturn:
    """Be one of the processes: robot on the lab with this process's number."""
    arguments = Path(sys.argv[-1]) if len(sys.argv) > 1 else None  # pabot writes them into a file
    said = PROCESS.search(arguments.read_text(encoding="utf-8")) if arguments and arguments.is_file() else None
    if said is None:
        sys.exit(f"{__name__} is what pabot runs: it needs its file of arguments, with PABOTEXECUTIONPOOLID")
    os.environ["SAGE_LAB"] = f"{os.environ[LABS]}-{said[1]}"
    os.execv(sys.executable, [sys.executable, "-m", "robot", *sys.argv[1:]])  # noqa: S606 - no shell is the point


if __name__ == "__main__":
    main()
