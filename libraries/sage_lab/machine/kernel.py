"""The few system calls that Python 3.11 does not offer: mounts and namespaces. Linux only."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

CLONE_NEWNS = 0x00020000
CLONE_FS = 0x00000200
CLONE_NEWNET = 0x40000000
MS_BIND = 0x1000
MS_REC = 0x4000
MS_SLAVE = 0x80000
MNT_DETACH = 2

_libc = ctypes.CDLL(None, use_errno=True)


def mount(source: str, target: Path, kind: str = "", flags: int = 0, options: str = "") -> None:
    """mount(2); raises OSError that names the target."""
    _check(
        _libc.mount(
            source.encode(),
            os.fsencode(target),
            kind.encode() or None,
            ctypes.c_ulong(flags),
            options.encode() or None,
        ),
        f"mount {kind or source}",
        target,
    )


def umount(target: Path, flags: int = 0) -> None:
    """umount2(2); raises OSError that names the target."""
    _check(_libc.umount2(os.fsencode(target), flags), "unmount", target)


def setns(descriptor: int, kind: int) -> None:
    """Move the calling thread into the namespace of an open descriptor; raises OSError."""
    _check(_libc.setns(descriptor, kind), "enter the namespace", Path(f"/proc/self/fd/{descriptor}"))


def unshare(kind: int) -> None:
    """Give the calling thread namespaces of its own; raises OSError."""
    _check(_libc.unshare(kind), "leave the namespace", Path("/proc/thread-self/ns"))


def mount_points() -> list[Path]:
    """The mount points that the calling thread sees, in the order they were mounted."""
    lines = Path("/proc/thread-self/mountinfo").read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    return [Path(_unescape(line.split()[4])) for line in lines]


def _unescape(field: str) -> str:
    for code, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        field = field.replace(code, character)
    return field


def _check(result: int, what: str, target: Path) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}", str(target))
