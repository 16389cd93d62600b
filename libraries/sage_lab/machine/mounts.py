"""How a mount of a lab is undone."""

from __future__ import annotations

import errno
import time
from pathlib import Path

from sage_lab.ledger import undoes
from sage_lab.machine import kernel

_UNMOUNT_DEADLINE = 5.0
_POLL = 0.02


@undoes("mount", owns=lambda lab, target: ".." not in target.split("/") and Path(target).is_relative_to(lab))
def unmount(target: str) -> bool:
    """Unmount every mount at the target; a busy one is given some seconds to become free."""
    point = Path(target)
    found = False
    until = time.monotonic() + _UNMOUNT_DEADLINE
    while point in kernel.mount_points():
        found = True
        try:
            kernel.umount(point)
        except OSError as error:
            if error.errno != errno.EBUSY or time.monotonic() >= until:
                raise
            time.sleep(_POLL)
    return found
