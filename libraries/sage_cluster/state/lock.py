"""A lock that names its holder: the kernel's (flock), so that it falls with the process, however that ends."""

from __future__ import annotations

import fcntl
import json
import logging
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sage_cluster.errors import SageError
from sage_cluster.state.holder import Holder, is_alive, is_here, myself, parse_holder
from sage_cluster.waiting import POLL_SECONDS, Deadline

FILE_MODE = 0o600
HOLDER_BYTES = 1 << 16
NAME_SECONDS = 1.0
"""How long a caller that does not wait gives the other to say who it is, so that its refusal can name it."""
log = logging.getLogger(__name__)


class NotFreeError(Exception):
    """Somebody else held the lock until the deadline; ``holder`` is None when it does not say who it is."""

    def __init__(self, holder: Holder | None) -> None:
        super().__init__(holder)
        self.holder = holder


class Lock:
    """The lock of one file, for threads and processes. Its file stays: only what it says changes.

    Where several machines share a home, one may not see the locks of another: with ``believes_other_hosts`` a holder
    of another machine counts as running until its name is gone.
    """

    def __init__(self, path: Path, *, believes_other_hosts: bool = False) -> None:
        self.path = path
        self._believes_other_hosts = believes_other_hosts
        self._told = False

    @contextmanager
    def held(self, operation: str, wait: float = 0.0) -> Iterator[Holder | None]:
        """Hold the lock, waiting up to ``wait`` seconds; yields the last holder if it did not end as it should.

        Raises NotFreeError, and OSError when the file cannot be opened.
        """
        descriptor = self._acquire(wait)
        try:
            left_behind = _holder_in(descriptor)
            self._write(descriptor, json.dumps(myself(operation)).encode())
            try:
                yield left_behind
            finally:
                self._write(descriptor, b"")
        finally:
            os.close(descriptor)

    def is_held(self) -> bool:
        """Whether anybody holds it now. False, with a warning, when the file cannot be read."""
        descriptor = self._open_to_read()
        if descriptor is None:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
        return False

    def named(self) -> Holder | None:
        """Whom the file names, running or not. Takes no lock."""
        descriptor = self._open_to_read()
        if descriptor is None:
            return None
        try:
            return _holder_in(descriptor)
        finally:
            os.close(descriptor)

    def current(self) -> Holder | None:
        """The holder that runs, as far as can be seen from here. Takes no lock."""
        holder = self.named()
        return holder if holder and self._counts(holder) else None

    def left_behind(self) -> Holder | None:
        """The last holder, when its process ended before it let go; None once another one held the lock."""
        holder = self.named()
        return holder if holder and not self._counts(holder) else None

    def owner(self) -> int:
        """The user (uid) whose file it is. Raises OSError."""
        return self.path.lstat().st_uid

    def _counts(self, holder: Holder) -> bool:
        return is_alive(holder) or (self._believes_other_hosts and not is_here(holder))

    def _acquire(self, wait: float) -> int:
        deadline, named = Deadline(wait), Deadline(wait + NAME_SECONDS)
        while (descriptor := self._try()) is None:
            holder = self.current()
            # One that is just beginning has not said who it is, one that is just ending says it no more.
            if deadline.passed() and (holder or named.passed()):
                raise NotFreeError(holder)
            time.sleep(POLL_SECONDS)
        return descriptor

    def _try(self) -> int | None:
        descriptor = open_private(self.path, os.O_RDWR | os.O_NOFOLLOW)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            holder = _holder_in(descriptor)
            theirs = holder and self._believes_other_hosts and not is_here(holder)
            if theirs or not _is_at(descriptor, self.path):
                os.close(descriptor)
                return None
        except BlockingIOError:
            os.close(descriptor)
            return None
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor

    def _write(self, descriptor: int, text: bytes) -> None:
        """Make the file say this and nothing else. It keeps its length, so that a full disk has room for the next."""
        try:
            os.pwrite(descriptor, text.ljust(os.fstat(descriptor).st_size), 0)
        except OSError as error:
            log.warning("%s: its holder cannot be named there: %s", self.path, error.strerror)

    def _open_to_read(self) -> int | None:
        try:
            return os.open(self.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            if not self._told:
                self._told = True
                log.warning("%s: it cannot be read: %s", self.path, error.strerror)
            return None


def open_private(path: Path, flags: int) -> int:
    """Open a state file, made where it is missing; one of this user's is for this user alone. Raises OSError."""
    descriptor = os.open(path, flags | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK, FILE_MODE)
    try:
        found = os.fstat(descriptor)
        if found.st_uid == os.geteuid() and stat.S_IMODE(found.st_mode) != FILE_MODE:
            os.fchmod(descriptor, FILE_MODE)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def cannot_open(whose: str, path: Path, error: OSError) -> SageError:
    """The error of a lock whose file cannot be opened; ``whose`` it is."""
    return SageError(
        f"the {whose}'s lock cannot be opened: {error.strerror}",
        where=str(path),
        fix="let this user write beside the configuration file",
    )


def _holder_in(descriptor: int) -> Holder | None:
    try:
        return parse_holder(os.pread(descriptor, HOLDER_BYTES, 0).decode("utf-8", "replace"))
    except OSError:  # a directory or a pipe stands there: it names nobody
        return None


def _is_at(descriptor: int, path: Path) -> bool:
    """Whether the open file is still the one at the path: somebody may have removed it."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.lstat())
    except FileNotFoundError:
        return False
