"""The processes of this node as the kernel tells of them, and signals that reach the very process that is meant."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

POLL_SECONDS = 0.02


@dataclass(frozen=True)
class ProcessStat:
    """What the kernel says of a process: ``state`` as in ps, ``command`` its name for it, of at most 15 letters.

    ``start`` is its start time in clock ticks since boot: pid and start mean this process and no other.
    """

    pid: int
    start: int
    parent: int
    state: str
    command: str


def all_processes() -> list[ProcessStat]:
    """Every process but the zombies."""
    found = (read_process(int(entry.name)) for entry in Path("/proc").glob("[0-9]*"))
    return [process for process in found if process and process.state not in "ZX"]


def read_process(pid: int) -> ProcessStat | None:
    """The process that has this pid now, a zombie too; None without one."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return None
    before, _, after = text.rpartition(")")
    fields = after.split()
    return ProcessStat(pid, int(fields[19]), int(fields[1]), fields[0], before.partition("(")[2])


def read_words(pid: int, file: str) -> tuple[str, ...]:
    """The words of a process's ``cmdline`` or ``environ``; none when it is gone, or when this user may not read it."""
    try:
        text = Path(f"/proc/{pid}/{file}").read_text(errors="replace")
    except OSError:
        return ()
    return tuple(word for word in text.split("\0") if word)


def owner(pid: int) -> int:
    """The user who started a process; -1 when it is gone.

    It is the real uid: the effective one of a program that is set-uid is its file's owner, whoever started it.
    """
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text(errors="replace").splitlines():
            if line.startswith("Uid:"):
                return int(line.split()[1])
    return -1


def is_alive(process: ProcessStat) -> bool:
    """Whether this very process still runs: same pid, same start time, not a zombie."""
    now = read_process(process.pid)
    return now is not None and now.start == process.start and now.state not in "ZX"


def send(process: ProcessStat, *signals: signal.Signals) -> None:
    """Send signals to this very process, never to one that has got its pid since. Not allowed is no error."""
    with suppress(ProcessLookupError, PermissionError):
        descriptor = os.pidfd_open(process.pid)
        try:
            if is_alive(process):
                for number in signals:
                    signal.pidfd_send_signal(descriptor, number)
        finally:
            os.close(descriptor)


def await_end(processes: Sequence[ProcessStat], deadline: float) -> bool:
    """Whether all of them have ended before the deadline (of the monotonic clock)."""
    while any(is_alive(process) for process in processes):
        if time.monotonic() >= deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True
