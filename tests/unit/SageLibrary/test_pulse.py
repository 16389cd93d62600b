"""Whether this machine stood still, as seen by a process that is stopped for a while."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

PROGRAM = """
import sys
from SageLibrary.observers.host_stall import Pulse
pulse = Pulse()
pulse.start()
pulse.begin()
print("ready", flush=True)
sys.stdin.readline()
print(pulse.worst(), flush=True)
pulse.stop()
"""


def worst_of(stopped: float) -> float:
    """What the pulse of a process says that was stopped for so many seconds."""
    command = [sys.executable, "-c", PROGRAM]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        if stopped:
            process.send_signal(signal.SIGSTOP)
            time.sleep(stopped)
            process.send_signal(signal.SIGCONT)
            time.sleep(0.5)  # until it beats again
        process.stdin.write("\n")
        process.stdin.flush()
        return float(process.stdout.readline())


def test_a_process_that_was_stopped_knows_for_how_long() -> None:
    assert 1.0 < worst_of(1.5) < 5.0


def test_a_process_that_ran_on_has_nothing_to_tell() -> None:
    assert worst_of(0.0) < 1.0
