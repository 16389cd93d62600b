"""The configuration file on the disk: read with limits, replaced at once, one writer at a time."""

from __future__ import annotations

import errno
import fcntl
import os
import random
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sage_cluster.errors import ConfigBusyError, ConfigError, ConfigNotFoundError

MAX_BYTES = 1 << 20
NEW_FILE_MODE = 0o600

_POLL_SECONDS = 0.02


def read_text(path: Path) -> str:
    """The file's text, up to 1 MiB of UTF-8. Raises ConfigNotFoundError or ConfigError."""
    try:
        # Not blocking, or opening a pipe would wait for its writer.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError as error:
        raise ConfigNotFoundError(
            "there is no configuration file",
            where=str(path),
            fix="write a first one with 'sage-cluster config init', or name another with SAGE_CONFIG",
        ) from error
    except OSError as error:
        raise _cannot("be opened", path, error) from error
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode):
        os.close(descriptor)
        kind = "a directory" if stat.S_ISDIR(mode) else "no regular file"
        raise ConfigError(f"is {kind}, expected a YAML file", where=str(path), fix="name a file instead")
    try:
        with os.fdopen(descriptor, "rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise _cannot("be read", path, error) from error
    if len(raw) > MAX_BYTES:
        raise ConfigError(
            f"is larger than {MAX_BYTES} bytes, expected a configuration file",
            where=str(path),
            fix="check that the path names the right file",
        )
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        byte = f"0x{raw[error.start]:02x}"
        raise ConfigError(
            f"has the byte {byte}, expected UTF-8 text", where=f"{path}:{line}", fix="save the file as UTF-8"
        ) from error


def identity(path: Path) -> tuple[int, ...]:
    """What changes when the file does; empty when there is none to look at."""
    try:
        found = path.stat()
    except OSError:
        # Reading the file says what is wrong with it.
        return ()
    return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


@contextmanager
def locked(path: Path, timeout: float) -> Iterator[Path]:
    """Be the only writer (thread or process) of the file; yields the path behind symbolic links.

    Waits up to ``timeout`` seconds, then raises ConfigBusyError. Makes the directory where it is missing.
    """
    try:
        target = path.resolve()
        target.parent.mkdir(parents=True, exist_ok=True)
        lock = target.with_name(f".{target.name}.lock")
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        descriptor = os.open(lock, flags, NEW_FILE_MODE)
    except (OSError, RuntimeError) as error:
        raise _cannot("be locked for writing", path, error) from error
    with os.fdopen(descriptor, "r+b", buffering=0) as file:
        _wait_for_lock(file.fileno(), path, lock, timeout)
        os.ftruncate(file.fileno(), 0)
        os.pwrite(file.fileno(), f"{os.getpid()}\n".encode(), 0)
        yield target


def _wait_for_lock(descriptor: int, path: Path, lock: Path, timeout: float) -> None:
    deadline = time.monotonic() + timeout
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if time.monotonic() >= deadline:
                holder = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip() or "unknown"
                raise ConfigBusyError(
                    f"process {holder} has been writing it for more than {timeout:g} s (lock {lock})",
                    where=str(path),
                    fix="try again; if it stays, look at what that process does",
                ) from error
            time.sleep(_POLL_SECONDS * random.uniform(0.5, 1.5))  # noqa: S311 - spreads the writers, no secret
        else:
            return


def replace_text(target: Path, text: str) -> None:
    """Put the text in the file's place at once, with its mode and owner; the caller holds the lock.

    Whatever fails or dies on the way, the file is whole: the old one or the new one. Raises ConfigError.
    """
    # One name, since the lock allows one writer: what a killed writer left is used up by the next.
    fresh = target.with_name(f".{target.name}.new")
    try:
        fresh.unlink(missing_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
        with os.fdopen(os.open(fresh, flags, NEW_FILE_MODE), "wb") as file:
            _copy_owner_and_mode(target, file.fileno())
            file.write(text.encode("utf-8"))
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(target)
        directory = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
    except OSError as error:
        fresh.unlink(missing_ok=True)
        raise _cannot("be written", target, error) from error


def _copy_owner_and_mode(target: Path, descriptor: int) -> None:
    try:
        old = target.stat()
    except FileNotFoundError:
        return
    new = os.fstat(descriptor)
    if (old.st_uid, old.st_gid) != (new.st_uid, new.st_gid):
        os.fchown(descriptor, old.st_uid, old.st_gid)
    os.fchmod(descriptor, stat.S_IMODE(old.st_mode))


def _cannot(done: str, path: Path, error: OSError | RuntimeError) -> ConfigError:
    reason = error.strerror if isinstance(error, OSError) else str(error)
    fixes = {
        errno.EACCES: "give this user the rights to the file and its directory",
        errno.EPERM: "give this user the file and its directory",
        errno.ENOSPC: "free space on that disk",
    }
    fix = fixes.get(error.errno or 0, "") if isinstance(error, OSError) else ""
    return ConfigError(f"cannot {done}: {reason}", where=str(path), fix=fix or "check the path, then try again")
