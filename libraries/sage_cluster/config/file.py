"""The configuration file on the disk, read with limits. It is written by `sage_cluster.state.writing`."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from sage_cluster.errors import ConfigError, ConfigNotFoundError
from sage_cluster.state.writing import cannot

MAX_BYTES = 1 << 20


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
        raise cannot("be opened", path, error) from error
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode):
        os.close(descriptor)
        kind = "a directory" if stat.S_ISDIR(mode) else "no regular file"
        raise ConfigError(f"is {kind}, expected a YAML file", where=str(path), fix="name a file instead")
    try:
        with os.fdopen(descriptor, "rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise cannot("be read", path, error) from error
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
