"""The memory and disk of a machine, as it tells over SSH."""

from __future__ import annotations

from sage_lab.providers.ssh_access import SshAccess

Sizes = dict[str, tuple[int, int]]
_COMMAND = "cat /proc/meminfo; df --block-size=1 --output=used,size /"


def ask(way: SshAccess, timeout: float = 10.0) -> Sizes:
    """``memory`` and ``disk``: the bytes in use, and how many there are. Raises what ``SshAccess.run`` raises."""
    said = way.run(["sh", "-c", _COMMAND], timeout=timeout).stdout.split()
    total, free = (int(said[said.index(word) + 1]) * 1024 for word in ("MemTotal:", "MemAvailable:"))
    return {"memory": (total - free, total), "disk": (int(said[-2]), int(said[-1]))}
