"""One builder or remover per lab: a lock file beside the lab's directory, gone when nobody holds it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

from sage_lab.errors import LabBusyError

_FIRST_DESCRIPTOR = 200  # runc gives the low numbers a meaning of its own
_POLL = 0.05

_held: dict[Path, int] = {}


def held_descriptors() -> tuple[int, ...]:
    """The descriptors of the locks that this process holds, to be handed on to its commands."""
    return tuple(_held.values())


def is_held(path: Path) -> bool:
    """Whether somebody holds the lock now."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


@contextlib.contextmanager
def hold(path: Path, *, deadline: float = 60.0) -> Iterator[None]:
    """Hold the lock; wait at most ``deadline`` seconds, then raise LabBusyError naming the holder."""
    descriptor = _acquire(path, deadline)
    _held[path] = descriptor
    try:
        yield
    finally:
        del _held[path]
        path.unlink(missing_ok=True)
        os.close(descriptor)


@contextlib.contextmanager
def machine() -> Iterator[None]:
    """For a moment, be the only one that makes or removes what all labs of this machine share."""
    descriptor = os.open("/run", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _acquire(path: Path, deadline: float) -> int:
    until = time.monotonic() + deadline
    while True:
        descriptor = _open(path)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            if time.monotonic() >= until:
                raise LabBusyError(
                    f"{_holder(path)} still works on this lab after {deadline:g} s",
                    where=str(path),
                    fix="wait for it, or end it, then try again",
                ) from None
            time.sleep(_POLL)
            continue
        if _is_current(path, descriptor):
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
            return descriptor
        os.close(descriptor)


def _open(path: Path) -> int:
    while True:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            opened = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            break
        except FileNotFoundError:  # the last lab's remover took the directory away just now
            continue
    try:
        return fcntl.fcntl(opened, fcntl.F_DUPFD_CLOEXEC, _FIRST_DESCRIPTOR)
    finally:
        os.close(opened)


def _is_current(path: Path, descriptor: int) -> bool:
    """Whether the locked file still lies at the path: the last holder may have removed it meanwhile."""
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _holder(path: Path) -> str:
    try:
        process = path.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return "another process"
    return f"process {process}" if process else "another process"
