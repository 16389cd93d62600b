"""Faults of processor and memory."""

from __future__ import annotations

import mmap
import os
import time
from pathlib import Path
from typing import Any

from sage_lab.faults.on_node import lease, processes
from sage_lab.faults.on_node.effect import CannotError, Effect

_CHUNK = 1 << 24  # all of its pages are taken at once
_LOOK_AGAIN = 0.05
_NO_LIMIT = 1 << 60


class CpuHog(Effect):
    """As many ``processes`` as asked for compute without end."""

    holds = True

    def hold(self) -> None:
        """Compute in this process and in its children."""
        for _ in range(int(self.plan["processes"]) - 1):
            if os.fork() == 0:
                break
        while True:
            pass

    def effective(self) -> str:
        """All of them are there and have used the processor."""
        held = lease.holder(self.fault)
        members = processes.group_members(held[0]) if held else []
        busy = [pid for pid in members if processes.processor_seconds(pid) > 0]
        wanted = int(self.plan["processes"])
        return "" if len(busy) >= wanted else f"{len(busy)} of {wanted} processes have computed"

    def recovered(self) -> str:
        """Nobody computes for the fault."""
        return "the hog still runs" if lease.holder(self.fault) else ""


class MemoryHog(Effect):
    """So much memory is held that ``percent`` of the node's limit is in use."""

    holds = True

    def prepare(self) -> dict[str, Any]:
        """How many bytes that is."""
        limit = memory()[1]
        if not limit:
            raise CannotError("this node has no memory limit: a hog would hit the whole machine")
        return {"bytes": limit * int(self.plan["percent"]) // 100, "limit": limit, "killed": killed()}

    def hold(self) -> None:
        """Take until it is reached, and again when others give some back."""
        held: list[mmap.mmap] = []
        while True:
            missing = self.plan["bytes"] - memory()[0]
            if missing >= _CHUNK:
                held.append(mmap.mmap(-1, _CHUNK, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | mmap.MAP_POPULATE))
            else:
                time.sleep(_LOOK_AGAIN)

    def effective(self) -> str:
        """The hog lives and so much is in use, by the kernel's own account; over the limit, the kernel has killed."""
        if self.plan["bytes"] > self.plan["limit"]:
            return "" if killed() > self.plan["killed"] else "the kernel has killed nobody for memory"
        if not lease.holder(self.fault):
            return "no hog runs"
        used = memory()[0]
        return "" if used >= self.plan["bytes"] - 2 * _CHUNK else f"{used} of {self.plan['bytes']} bytes are in use"

    def recovered(self) -> str:
        """Nobody holds memory for the fault."""
        return "the hog still runs" if lease.holder(self.fault) else ""


def memory() -> tuple[int, int]:
    """Bytes in use and their limit, by this node's control group; 0 as the limit when there is none."""
    for used, limit in (
        ("memory/memory.usage_in_bytes", "memory/memory.limit_in_bytes"),
        ("memory.current", "memory.max"),
    ):
        root = Path("/sys/fs/cgroup")
        if (root / used).exists():
            bound = (root / limit).read_text(encoding="utf-8").strip()
            number = 0 if bound == "max" or int(bound) > _NO_LIMIT else int(bound)
            return int((root / used).read_text(encoding="utf-8")), number
    return 0, 0


def killed() -> int:
    """How many processes of this node the kernel has killed for memory; 0 when it does not tell."""
    for path in ("memory/memory.oom_control", "memory.events"):
        counts = Path("/sys/fs/cgroup") / path
        if counts.exists():
            words = counts.read_text(encoding="utf-8").split()
            return int(words[words.index("oom_kill") + 1]) if "oom_kill" in words else 0
    return 0
