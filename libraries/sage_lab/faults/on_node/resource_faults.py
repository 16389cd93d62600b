"""Faults of processor, memory and file descriptors."""

from __future__ import annotations

import os
import pwd
import resource
import time
from pathlib import Path
from typing import Any

from sage_lab.faults.on_node import lease, processes
from sage_lab.faults.on_node.effect import CannotError, Effect

_CHUNK = 1 << 24
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
            raise CannotError("this node has no memory limit: a hog would strike the whole machine")
        return {"bytes": limit * int(self.plan["percent"]) // 100}

    def hold(self) -> None:
        """Take until it is reached, and again when others give some back."""
        held: list[bytearray] = []
        while True:
            missing = self.plan["bytes"] - memory()[0]
            if missing >= _CHUNK:
                held.append(bytearray(b"\1") * _CHUNK)
            else:
                time.sleep(_LOOK_AGAIN)

    def effective(self) -> str:
        """So much is in use, by the kernel's own account."""
        used = memory()[0]
        return "" if used >= self.plan["bytes"] - 2 * _CHUNK else f"{used} of {self.plan['bytes']} bytes are in use"

    def recovered(self) -> str:
        """Nobody holds memory for the fault."""
        return "the hog still runs" if lease.holder(self.fault) else ""


class FewDescriptors(Effect):
    """The processes of ``role`` may open no file or connection more than they have open now."""

    def prepare(self) -> dict[str, Any]:
        """Which processes, and what their limits are."""
        found = processes.find(self.plan["role"])
        if not found:
            raise CannotError(f"no {self.plan['role']} process of user {processes.USER} runs here")
        limits = [[pid, start, *_limit(pid)] for pid, start in found]
        return {"processes": limits}

    def begin(self) -> None:
        """Lower the soft limit to the first number that is free."""
        for pid, start, _, hard in self.plan["processes"]:
            if processes.state(pid, start):
                _set_limit(pid, _first_free(pid), hard)

    def heal(self) -> None:
        """Give those that still run their limits back."""
        for pid, start, soft, hard in self.plan["processes"]:
            if processes.state(pid, start):
                _set_limit(pid, soft, hard)

    def effective(self) -> str:
        """The next number is beyond the limit, for all that still run."""
        free = [pid for pid, soft in self._now() if soft > _first_free(pid)]
        return f"processes {free} can open more" if free else ""

    def recovered(self) -> str:
        """The limits are what they were."""
        now = dict(self._now())
        low = [pid for pid, _, soft, _ in self.plan["processes"] if now.get(pid, soft) != soft]
        return f"processes {low} have another limit than before" if low else ""

    def _now(self) -> list[tuple[int, int]]:
        running = [pid for pid, start, _, _ in self.plan["processes"] if processes.state(pid, start)]
        return [(pid, _limit(pid)[0]) for pid in running]


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


def _limit(pid: int) -> tuple[int, int]:
    """The soft and the hard limit of open files."""
    for line in Path(f"/proc/{pid}/limits").read_text(encoding="utf-8").splitlines():
        if line.startswith("Max open files"):
            soft, hard = (int(word) if word.isdigit() else resource.RLIM_INFINITY for word in line.split()[3:5])
            return soft, hard
    raise CannotError(f"process {pid} has no limit of open files")


def _set_limit(pid: int, soft: int, hard: int) -> None:
    """By a child that became the cluster's user: root itself may lack the right where nodes are containers."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            user = pwd.getpwnam(processes.USER)
            os.setgroups([])
            os.setresgid(user.pw_gid, user.pw_gid, user.pw_gid)
            os.setresuid(user.pw_uid, user.pw_uid, user.pw_uid)
            resource.prlimit(pid, resource.RLIMIT_NOFILE, (soft, hard))
            code = 0
        finally:
            os._exit(code)
    if os.waitpid(child, 0)[1] != 0 and processes.start_time(pid):
        raise CannotError(f"the limit of process {pid} cannot be changed")


def _first_free(pid: int) -> int:
    taken = {int(entry.name) for entry in Path(f"/proc/{pid}/fd").iterdir()}
    return next(number for number in range(len(taken) + 1) if number not in taken)
