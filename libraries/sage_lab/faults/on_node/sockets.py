"""Who listens on this node, from the kernel's own tables."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from sage_lab.faults.on_node import processes

_LISTENS = "0A"
_TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))


def listeners(port: int) -> list[list[int]]:
    """The processes that listen on a TCP port, as ``[pid, start time]`` each."""
    wanted = {name for name, number in _listening() if number == port}
    found = [[pid, processes.start_time(pid)] for pid in processes.everyone() if wanted & _open(pid)]
    return sorted(found)


def ports(pid: int) -> list[int]:
    """The TCP ports on which a process listens."""
    held = _open(pid)
    return sorted({port for name, port in _listening() if name in held})


def _listening() -> Iterator[tuple[str, int]]:
    """Each listening socket as /proc names it, with its port."""
    for table in _TABLES:
        with contextlib.suppress(FileNotFoundError):  # no IPv6 here
            for line in table.read_text(encoding="utf-8").splitlines()[1:]:
                words = line.split()
                if words[3] == _LISTENS:
                    yield f"socket:[{words[9]}]", int(words[1].rpartition(":")[2], 16)


def _open(pid: int) -> set[str]:
    """What the descriptors of a process point to; nothing when it is gone."""
    found = set()
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        for entry in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                found.add(str(entry.readlink()))
    return found
