"""The program for a node comes whole on standard input, or is not run."""

from __future__ import annotations

import subprocess
import sys

from sage_cluster.nodes.program import READ_PROGRAM

PROGRAM = "import sys; print('rest:', sys.stdin.read())"


def read(given: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", READ_PROGRAM, str(len(PROGRAM))]
    return subprocess.run(command, input=given, capture_output=True, text=True, timeout=20, check=False)


def test_what_comes_after_the_program_is_left_to_it() -> None:
    assert read(PROGRAM + "a word").stdout == "rest: a word\n"


def test_a_program_that_was_cut_ends_with_a_reason() -> None:
    done = read(PROGRAM[:10])
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"the controller was gone when 10 of {len(PROGRAM)} bytes of the program had come\n"
