"""How many workers this machine's memory has room for. `python -m SageLibrary.stress.capacity` prints the number."""

from __future__ import annotations

import sys

import psutil

from SageLibrary.recording.verdict import InfraError

MIB = 1024**2
WORKER_BYTES = 400 * MIB
"""A worker's Ray (some 200 MiB), a Ray worker process at work, and its object store of 80 MB."""
HEAD_BYTES = 1024 * MIB
SHARE = 0.5
"""The other half of the free memory is for files, for the tests, and for whoever else is on this machine."""
LEAST = 10
MOST = 60
"""The lab's addresses and the fan-out are not what is tested here; scaling further is the simulation's part."""


def workers_that_fit(available: int | None = None) -> int:
    """How many workers have room in this many bytes, or in what this machine has free. Raises InfraError below ten."""
    free = psutil.virtual_memory().available if available is None else available
    fits = int((free * SHARE - HEAD_BYTES) // WORKER_BYTES)
    if fits < LEAST:
        needed = int((LEAST * WORKER_BYTES + HEAD_BYTES) / SHARE / MIB)
        raise InfraError(f"{free // MIB} MiB of memory are free, {LEAST} workers need {needed} MiB; end other programs")
    return min(fits, MOST)


def main() -> int:
    """Print the number, or say why there is none."""
    try:
        sys.stdout.write(f"{workers_that_fit()}\n")
    except InfraError as error:
        sys.stderr.write(f"{error}\n")
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
