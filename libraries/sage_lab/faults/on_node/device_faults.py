"""Faults of a whole disk that is mounted on its own: it fails, or its file system turns read-only after an error."""

from __future__ import annotations

import errno
import fcntl
import os
import subprocess
from pathlib import Path
from typing import Any

from sage_lab.faults.on_node.effect import CannotError, Effect

_SHUTDOWN = 0x8004587D
"""EXT4_IOC_SHUTDOWN: the file system behaves as if its disk were gone."""
_WITHOUT_FLUSH = 2
_CODES = {"failed": errno.EIO, "read-only": errno.EROFS}


class BrokenDisk(Effect):
    """The disk mounted at ``directory`` is broken: ``how`` is ``failed`` or ``read-only``."""

    def prepare(self) -> dict[str, Any]:
        """A disk of its own has to be mounted there, with ext4."""
        mounted = _mounted(self.plan["directory"])
        if mounted is None:
            raise CannotError(f"{self.plan['directory']} is no mount point: the node has no disk of its own there")
        kind, device, options = mounted
        if kind != "ext4" or not device.startswith("/dev/"):
            raise CannotError(f"{self.plan['directory']} has {kind} on {device}, it takes ext4 on a disk")
        return {"device": device, "options": options}

    def begin(self) -> None:
        """Let the file system fail as the kernel lets it when its disk does."""
        if self.plan["how"] == "failed":
            handle = os.open(self.plan["directory"], os.O_RDONLY)
            try:
                fcntl.ioctl(handle, _SHUTDOWN, _WITHOUT_FLUSH.to_bytes(4, "little"))
            finally:
                os.close(handle)
            return
        _tool("mount", "-o", "remount,errors=remount-ro", self.plan["directory"])
        trigger = Path("/sys/fs/ext4") / Path(self.plan["device"]).name / "trigger_fs_error"
        trigger.write_text(f"sage-fault-{self.fault}", encoding="utf-8")

    def heal(self) -> None:
        """End who still has files open there, check the file system, mount it again; whole already is no error."""
        if not self.recovered():
            return
        if _mounted(self.plan["directory"]):
            # It says 1 when nobody uses it.
            subprocess.run(["fuser", "-k", "-M", "-m", self.plan["directory"]], capture_output=True, check=False)
            _tool("umount", self.plan["directory"])
        checked = subprocess.run(["e2fsck", "-fy", self.plan["device"]], capture_output=True, text=True, check=False)
        if checked.returncode > 1:  # 1: errors were there, and are corrected
            raise CannotError(f"e2fsck ended with {checked.returncode}: {checked.stdout.strip()[-500:]}")
        _tool("mount", self.plan["device"], self.plan["directory"], "-o", self.plan["options"])

    def effective(self) -> str:
        """A new file meets the disk's error."""
        code = self._try()
        return "" if code == _CODES[self.plan["how"]] else f"a new file met {_said(code)}"

    def recovered(self) -> str:
        """The disk is mounted and takes a new file."""
        mounted = _mounted(self.plan["directory"])
        if mounted is None:
            return f"nothing is mounted at {self.plan['directory']}"
        code = self._try()
        return f"a new file met {_said(code)}" if code else ""

    def _try(self) -> int:
        probe = Path(self.plan["directory"]) / f".sage-fault-{self.fault}"
        try:
            probe.touch()
            probe.unlink()
        except OSError as error:
            return error.errno or errno.EIO
        return 0


def _mounted(directory: str) -> tuple[str, str, str] | None:
    """The kind of file system, the device and the options of what is mounted last exactly there."""
    found = None
    for line in Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines():
        fields, _, rest = line.partition(" - ")
        if fields.split()[4] == directory:
            kind, device = rest.split()[:2]
            found = (kind, device, fields.split()[5])
    return found


def _said(code: int) -> str:
    return errno.errorcode.get(code, str(code)) if code else "no error"


def _tool(*argv: str) -> None:
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode:
        raise CannotError(f"{' '.join(argv)} ended with {done.returncode}: {done.stderr.strip()}")
