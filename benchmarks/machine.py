"""What a measurement was made on: the machine in general terms, the versions, the load."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

from benchmarks.cpu import DISTURBED_CORES

PACKAGES = ("ray", "paramiko", "asyncssh", "parallel-ssh")


def describe(command: str) -> dict[str, Any]:
    """The machine and the versions, for the head of the results; ``memory`` is in bytes."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": command,
        "cpus": os.cpu_count(),
        "memory": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "load_before": os.getloadavg(),
        "disturbed_cores": DISTURBED_CORES,
        **{package: version(package) for package in PACKAGES},
    }
