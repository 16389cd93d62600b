"""One writer at a time, and a file that is whole whatever happens: how configuration and state files are changed."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from sage_cluster.errors import ConfigBusyError, ConfigError
from sage_cluster.state.lock import FILE_MODE, Lock, NotFreeError


@contextmanager
def locked(path: Path, timeout: float) -> Iterator[Path]:
    """Be the only writer (thread or process) of the file; yields the path behind symbolic links.

    Waits up to ``timeout`` seconds, then raises ConfigBusyError. Makes the directory where it is missing.
    """
    with ExitStack() as holding:
        try:
            target = path.resolve()
            target.parent.mkdir(parents=True, exist_ok=True)
            lock = Lock(target.with_name(f".{target.name}.lock"))
            holding.enter_context(lock.held(f"write {target.name}", timeout))
        except NotFreeError as error:
            holder = f"process {error.holder['pid']}" if error.holder else "process unknown"
            raise ConfigBusyError(
                f"{holder} has been writing it for more than {timeout:g} s (lock {lock.path})",
                where=str(path),
                fix="try again; if it stays, look at what that process does",
            ) from error
        except (OSError, RuntimeError) as error:
            raise cannot("be locked for writing", path, error) from error
        yield target


def replace_text(target: Path, text: str, *, private: bool = False, durable: bool = True) -> None:
    """Put the text in the file's place at once; the caller holds a lock that lets it be the only writer.

    Whatever fails or dies on the way, the file is whole: the old one or the new one, when ``durable`` even after a
    power cut. It keeps its mode and owner, unless it is to be ``private`` to this user. Raises ConfigError.
    """
    # One name, since the lock allows one writer: what a killed writer left is used up by the next.
    fresh = target.with_name(f".{target.name}.new")
    try:
        fresh.unlink(missing_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
        with os.fdopen(os.open(fresh, flags, FILE_MODE), "wb") as file:
            if not private:
                _copy_owner_and_mode(target, file.fileno())
            file.write(text.encode("utf-8"))
            file.flush()
            if durable:
                os.fsync(file.fileno())
        fresh.replace(target)
        if durable:
            _sync_directory(target.parent)
    except OSError as error:
        with suppress(OSError):  # the reason is told already
            fresh.unlink(missing_ok=True)
        raise cannot("be written", target, error) from error


def remove(target: Path) -> None:
    """Remove the file, if it is there, for good; the caller holds its lock. Raises ConfigError."""
    try:
        target.unlink(missing_ok=True)
        _sync_directory(target.parent)
    except OSError as error:
        raise cannot("be removed", target, error) from error


def _sync_directory(path: Path) -> None:
    directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _copy_owner_and_mode(target: Path, descriptor: int) -> None:
    try:
        old = target.stat()
    except FileNotFoundError:
        return
    new = os.fstat(descriptor)
    if (old.st_uid, old.st_gid) != (new.st_uid, new.st_gid):
        os.fchown(descriptor, old.st_uid, old.st_gid)
    os.fchmod(descriptor, stat.S_IMODE(old.st_mode))


def cannot(done: str, path: Path, error: OSError | RuntimeError) -> ConfigError:
    """The error of a file, with what can be done about it."""
    reason = error.strerror if isinstance(error, OSError) else str(error)
    fixes = {
        errno.EACCES: "give this user the rights to the file and its directory",
        errno.EPERM: "give this user the file and its directory",
        errno.ENOSPC: "free space on that disk",
    }
    fix = fixes.get(error.errno or 0, "") if isinstance(error, OSError) else ""
    return ConfigError(f"cannot {done}: {reason}", where=str(path), fix=fix or "check the path, then try again")
