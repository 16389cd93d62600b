"""Faults of the node's disk."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

from sage_lab.faults.on_node.as_user import as_user, give_to_user, said
from sage_lab.faults.on_node.effect import CannotError, Effect
from sage_lab.faults.on_node.processes import USER

_BLOCK = 4096
_LARGEST = 1 << 26
_SLACK = 64 * 1024


class FullDisk(Effect):
    """The file system of ``directory`` is filled up to ``leave`` bytes."""

    @property
    def _file(self) -> Path:
        return Path(self.plan["directory"]) / f".sage-fault-{self.fault}"

    def prepare(self) -> dict[str, Any]:
        """The directory has to be there."""
        if not Path(self.plan["directory"]).is_dir():
            raise CannotError(f"{self.plan['directory']} is no directory here")
        return {}

    def begin(self) -> None:
        """Take what is free, block by block at the end."""
        leave = int(self.plan["leave"])
        with self._file.open("wb") as file:
            step = _LARGEST
            while step >= _BLOCK:
                if (leave and self._free() - step < leave) or not _grow(file.fileno(), step):
                    step //= 2

    def heal(self) -> None:
        """Give it back."""
        self._file.unlink(missing_ok=True)

    def effective(self) -> str:
        """Hardly more than ``leave`` bytes are free; when none should be, the cluster's user cannot write more."""
        free = self._free()
        if free > int(self.plan["leave"]) + _SLACK:
            return f"{free} bytes are free"
        code = errno.ENOSPC if self.plan["leave"] else self._write()
        # Where that user may not write at all, the free bytes have to do.
        return "" if code in {errno.ENOSPC, errno.EACCES} else f"a write of user {USER} {said(code)}"

    def recovered(self) -> str:
        """The file that took it is gone."""
        return f"{self._file} is still there" if self._file.exists() else ""

    def _write(self) -> int:
        """Write a little more than what may be free, as the cluster's user."""
        probe = self._file.with_name(f"{self._file.name}-probe")
        try:
            return as_user(lambda: probe.write_bytes(bytes(2 * _SLACK)))
        finally:
            probe.unlink(missing_ok=True)

    def _free(self) -> int:
        disk = os.statvfs(self.plan["directory"])
        return disk.f_bavail * disk.f_frsize


class UnwritableDirectory(Effect):
    """The cluster's user may not write into ``directory``; what lies in directories below stays writable."""

    def prepare(self) -> dict[str, Any]:
        """How the directory is now; one that is missing is made for the time of the fault."""
        path = Path(self.plan["directory"])
        if path.is_dir():
            return {"mode": path.stat().st_mode & 0o7777, "made": False}
        if not path.parent.is_dir():
            raise CannotError(f"{path.parent} is no directory here")
        return {"mode": 0o755, "made": True}

    def begin(self) -> None:
        """Take everybody's right to write."""
        path = Path(self.plan["directory"])
        if self.plan["made"]:
            path.mkdir(exist_ok=True)
            give_to_user(path)
        path.chmod(self.plan["mode"] & ~0o222)

    def heal(self) -> None:
        """Give it back, and remove the directory if it was made for the fault and is still empty."""
        path = Path(self.plan["directory"])
        if not path.is_dir():
            return
        path.chmod(self.plan["mode"])
        if self.plan["made"] and not any(path.iterdir()):
            path.rmdir()

    def effective(self) -> str:
        """The directory is there, and the cluster's user is refused a file in it."""
        path = Path(self.plan["directory"])
        if not path.is_dir():
            return f"{path} is not there"
        probe = path / f".sage-fault-{self.fault}"
        try:
            code = as_user(probe.touch)
        finally:
            probe.unlink(missing_ok=True)
        return "" if code == errno.EACCES else f"a new file of user {USER} in {path} {said(code)}"

    def recovered(self) -> str:
        """The mode is what it was."""
        path = Path(self.plan["directory"])
        mode = path.stat().st_mode & 0o7777 if path.is_dir() else self.plan["mode"]
        return "" if mode == self.plan["mode"] else f"{path} has mode {mode:o}"


def _grow(descriptor: int, size: int) -> bool:
    """Append that many bytes to the file; False when the disk has no room for them."""
    try:
        os.posix_fallocate(descriptor, os.fstat(descriptor).st_size, size)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        return False
    return True
