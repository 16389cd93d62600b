"""Running Robot Framework and its tools as a user would, in a process of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
OF_A_RUN = ("ROBOT_", "SAGE_LAB", "RERUN", "PROCESSES", "KEEP_LAB")


def environ(**more: str) -> dict[str, str]:
    """This process's variables without those that would change a run, and ``more``."""
    return {name: value for name, value in os.environ.items() if not name.startswith(OF_A_RUN)} | more


def run_module(name: str, *arguments: str, cwd: Path, **more: str) -> subprocess.CompletedProcess[str]:
    """Run `python -m NAME` in a directory to its end, with ``more`` variables of the environment."""
    return subprocess.run(
        [sys.executable, "-m", name, *arguments],
        cwd=cwd,
        env=environ(**more),
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def dry_run(suite: str, *options: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Dry-run a suite, and see that no lab was made of it; output.xml goes to ``out`` below ``cwd``."""
    labs = cwd / "out" / "labs"
    words = ["--dryrun", "--outputdir", "out", "--consolecolors", "off", *options, suite]
    done = run_module("robot", *words, cwd=cwd, SAGE_LAB_HOME=str(labs))
    assert not labs.exists()
    return done
