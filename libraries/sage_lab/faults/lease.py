"""The lease of a fault that lives outside of its node: a process of this machine that heals it when time is up.

Run as ``python -m sage_lab.faults.lease LAB FAULT SECONDS``; it tells its pid, waits until that is in the
ledger, and then for the time. It ends early when the fault is healed or the lab swept, by its pid.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from sage_lab.faults import record
from sage_lab.faults.errors import FaultError
from sage_lab.ledger import Ledger
from sage_lab.machine import commands
from sage_lab.machine.namespaces import on_host
from sage_lab.undo import end_fault_watcher

LEDGER_KIND = "fault-watcher"
LOG = "watcher.log"
_GO = "go\n"


def start(directory: Path, fault: str, seconds: float) -> None:
    """Start the watcher of a fault, detached; it is in the lab's ledger before it does anything."""
    on_host(lambda: _start(directory, fault, seconds))


def stop(directory: Path, fault: str) -> None:
    """End the watcher of a fault; the watcher itself, when it healed, ends by itself."""
    for entry in Ledger(directory).entries():
        mine = entry.kind == LEDGER_KIND and entry.target.endswith(f" {fault}")
        if mine and int(entry.target.split()[0]) != os.getpid():
            end_fault_watcher(entry.target)


def main(lab: str, fault: str, seconds: float) -> None:
    """Wait, then heal the fault if it is still active."""
    # A fault starts its watcher, which heals it by these: imported here, they make no circle.
    from sage_lab.faults.active_faults import find  # noqa: PLC0415
    from sage_lab.lab import Lab  # noqa: PLC0415

    until = time.monotonic() + seconds
    sys.stdout.write(f"{os.getpid()}\n")
    sys.stdout.flush()
    if sys.stdin.readline() != _GO:
        return
    while (left := until - time.monotonic()) > 0:
        time.sleep(left)  # a timer; what it waits for is the time itself
    attached = Lab.attach(lab)
    if record.is_active(attached.directory, fault):
        find(attached, fault).heal()


def _start(directory: Path, fault: str, seconds: float) -> None:
    argv = [sys.executable, "-m", "sage_lab.faults.lease", directory.name, fault, str(seconds)]
    with (directory / record.DIRECTORY / LOG).open("ab") as log:
        # Forked off, so that it is nobody's child who would have to wait for it.
        starter = subprocess.Popen(
            commands.heeding_signals([commands.find("setsid"), "--fork", *argv]),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            cwd="/",
            env={**os.environ, "SAGE_LAB_HOME": str(directory.parent)},
        )
    with starter:
        if starter.stdin is None or starter.stdout is None:
            raise FaultError("the lease has no pipes", where=str(directory))
        said = starter.stdout.readline().strip()
        if not said.isdigit():
            raise FaultError(
                "the lease of the fault did not start",
                where=str(directory / record.DIRECTORY / LOG),
                fix="that file tells why",
            )
        Ledger(directory).record(LEDGER_KIND, f"{said} {commands.start_time(int(said))} {fault}")
        starter.stdin.write(_GO)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], float(sys.argv[3]))
