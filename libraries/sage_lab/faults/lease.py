"""The lease of a fault that lives outside of its node: a process of this machine that heals it when time is up.

It ends early when the fault is healed or the lab swept, by its pid.
"""

from __future__ import annotations

import os
import re
import select
import signal
import subprocess
import sys
from pathlib import Path

from sage_lab.faults import record
from sage_lab.faults.errors import FaultError
from sage_lab.ledger import Ledger, undoes
from sage_lab.machine import commands
from sage_lab.machine.namespaces import on_host

LEDGER_KIND = "fault-watcher"
LOG = "watcher.log"
GO = "go\n"
_END_DEADLINE = 5.0


def start_lease(directory: Path, fault: str, seconds: float) -> None:
    """Start the watcher of a fault, detached; it is in the lab's ledger before it does anything."""
    on_host(lambda: _start(directory, fault, seconds))


def end_lease(directory: Path, fault: str) -> None:
    """End the watcher of a fault; the watcher itself, when it healed, ends by itself."""
    for entry in Ledger(directory).entries():
        mine = entry.kind == LEDGER_KIND and entry.target.endswith(f" {fault}")
        if mine and int(entry.target.split()[0]) != os.getpid():
            end_fault_watcher(entry.target)


@undoes(LEDGER_KIND, owns=lambda _, target: re.fullmatch(r"\d{1,9} \d{1,18} \w+", target) is not None)
def end_fault_watcher(target: str) -> bool:
    """End the process that would heal a fault, known by ``<pid> <start time> <fault>``; another one has other times."""
    pid, start, _ = target.split()
    handle = commands.open_process(int(pid))
    if handle is None:
        return False
    try:
        if commands.start_time(int(pid)) != int(start):
            return False
        signal.pidfd_send_signal(handle, signal.SIGKILL)
        select.select([handle], [], [], _END_DEADLINE)
    except ProcessLookupError:
        return False
    finally:
        os.close(handle)
    return True


def _start(directory: Path, fault: str, seconds: float) -> None:
    argv = [sys.executable, "-m", "sage_lab.faults.lease_process", directory.name, fault, str(seconds)]
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
        starter.stdin.write(GO)
