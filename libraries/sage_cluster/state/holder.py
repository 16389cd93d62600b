"""Who holds a lock: a process that is told apart from any other that had, or will have, its number."""

from __future__ import annotations

import errno
import json
import os
import signal
import socket
from contextlib import suppress
from datetime import UTC, datetime
from functools import cache
from typing import TypedDict, cast

import psutil

MAX_PID = 1 << 22


class Holder(TypedDict):
    """A process and what it does. ``start``: hundredths of a second since its machine was booted."""

    operation: str
    pid: int
    start: int
    host: str
    since: str


def myself(operation: str) -> Holder:
    """This process."""
    pid = os.getpid()
    return {"operation": operation, "pid": pid, "start": _own_start(pid), "host": socket.gethostname(), "since": now()}


def parse_holder(text: str) -> Holder | None:
    """The holder that a lock's file names; None where it names none."""
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(said, dict) or set(said) != set(Holder.__annotations__):
        return None
    numbers = all(type(said[name]) is int for name in ("pid", "start")) and 0 < said["pid"] <= MAX_PID
    texts = all(isinstance(said[name], str) for name in ("operation", "host", "since"))
    return cast(Holder, said) if numbers and texts else None


def in_words(holder: Holder) -> str:
    """What it does, which process it is, where, and since when."""
    return f"'{holder['operation']}' by process {holder['pid']} on {holder['host']} since {holder['since']}"


def is_here(holder: Holder) -> bool:
    """Whether it is a process of this machine: of another one nothing can be seen."""
    return holder["host"] == socket.gethostname()


def is_alive(holder: Holder) -> bool:
    """Whether this process of this machine still runs."""
    return is_here(holder) and holder["start"] == start_of(holder["pid"])


def start_of(pid: int) -> int:
    """When a process started, as in `Holder`; 0 when there is none, or it has ended and nobody took note."""
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return 0
        # By the difference, because psutil adds the boot time, which changes when the clock is set.
        return round((process.create_time() - psutil.boot_time()) * 100)
    except psutil.NoSuchProcess:
        return 0


def send_signal(holder: Holder, number: signal.Signals, owners: set[int]) -> None:
    """Send a signal to exactly this process of this machine; one that is gone is none.

    Raises PermissionError for a process of none of the ``owners`` (uid), and where this user may not.
    """
    with suppress(ProcessLookupError, psutil.NoSuchProcess):
        handle = os.pidfd_open(holder["pid"])  # from here on no other process can be meant
        try:
            if is_alive(holder):
                if psutil.Process(holder["pid"]).uids().real not in owners:
                    raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))
                signal.pidfd_send_signal(handle, number)
        finally:
            os.close(handle)


def now() -> str:
    """The wall clock, in UTC to the millisecond (ISO 8601)."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


@cache
def _own_start(pid: int) -> int:
    return start_of(pid)
