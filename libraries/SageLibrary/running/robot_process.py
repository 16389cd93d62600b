"""Robot as a process of its own: it gets every signal that this one gets, once, so that its teardowns run."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Mapping, Sequence
from types import FrameType

FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
WRONG_USAGE = 252
"""robot's own exit status for options or suites that are wrong; 253 to 255 are an interruption and a crash."""


def run_robot(command: Sequence[str], environ: Mapping[str, str] | None = None) -> int:
    """Run robot, or what runs it, to its end and return its exit status. Only from the main thread.

    It is in a process group of its own: a terminal's Ctrl-C would reach it twice otherwise, and robot takes a second
    one as the word to leave everything as it is.
    """
    with subprocess.Popen(command, env=environ, process_group=0) as process:

        def forward(number: int, _: FrameType | None) -> None:
            process.send_signal(number)

        before = {number: signal.signal(number, forward) for number in FORWARDED}
        try:
            return process.wait()
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
