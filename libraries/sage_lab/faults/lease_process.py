"""The process of a lease: ``python -m sage_lab.faults.lease_process LAB FAULT SECONDS``.

It tells its pid, waits until that is in the ledger, and then for the time.
"""

from __future__ import annotations

import os
import sys
import time

from sage_lab.faults import record
from sage_lab.faults.inject import find
from sage_lab.faults.lease import GO
from sage_lab.lab import Lab


def main(lab: str, fault: str, seconds: float) -> None:
    """Wait, then heal the fault if it is still active."""
    until = time.monotonic() + seconds
    sys.stdout.write(f"{os.getpid()}\n")
    sys.stdout.flush()
    if sys.stdin.readline() != GO:
        return
    while (left := until - time.monotonic()) > 0:
        time.sleep(left)  # a timer; what it waits for is the time itself
    attached = Lab.attach(lab)
    if record.is_active(attached.directory, fault):
        find(attached, fault).heal()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], float(sys.argv[3]))
