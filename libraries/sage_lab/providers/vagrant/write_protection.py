"""A directory that is read-only for a while, on a machine that the lab made."""

from __future__ import annotations

from sage_lab.errors import LabError
from sage_lab.providers.ssh_access import SshAccess

_TIMEOUT = 60.0
_PROTECT = """
test -w "$1" || exit 0
mount --rbind "$1" "$1"
mount --make-rprivate "$1"
findmnt --raw --noheadings --output TARGET --submounts "$1" | while read -r at; do
    mount -o remount,bind,ro "$at"
done
"""
_UNPROTECT = """
until test -w "$1"; do
    umount --recursive --lazy "$1"
done
"""


def write_protect(connection: SshAccess, directory: str, *, protect: bool) -> None:
    """Mount the directory, with all that is mounted below it, read-only over itself; or take that mount away.

    Done already is no error. Raises LabError with the machine's words.
    """
    script = _PROTECT if protect else _UNPROTECT
    done = connection.run(["sh", "-euc", script, "sh", directory], root=True, timeout=_TIMEOUT)
    if done.returncode != 0:
        raise LabError(
            f"{directory} cannot be mounted over itself: {done.stderr.strip()}",
            where=connection.access.node,
            fix="see what is mounted there: findmnt; a power cycle of the node takes the mount away",
        )
