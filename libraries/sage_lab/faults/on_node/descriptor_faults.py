"""Faults of the table of open files of a process."""

from __future__ import annotations

import contextlib
import resource
import socket
from pathlib import Path
from typing import Any

from sage_lab.faults.on_node import processes
from sage_lab.faults.on_node.as_user import as_user
from sage_lab.faults.on_node.effect import CannotError, Effect
from sage_lab.faults.on_node.sockets import ports

_PATIENCE = 0.5


class FewDescriptors(Effect):
    """The processes of ``role`` may open no file or connection more than they have open now."""

    def prepare(self) -> dict[str, Any]:
        """Which processes, what their limits are, and the ports at which they greet: there it will be seen."""
        found = processes.find(self.plan["role"])
        if not found:
            raise CannotError(f"no {self.plan['role']} process of user {processes.USER} runs here")
        victims = []
        for pid, start in found:
            greeting = [port for port in ports(pid) if _greets(port)]
            if not greeting:
                raise CannotError(f"process {pid} greets at none of its ports {ports(pid)}: nothing would be seen")
            victims.append([pid, start, *_limit(pid), greeting])
        return {"processes": victims}

    def begin(self) -> None:
        """Lower the soft limit to the first number that is free."""
        for pid, start, _, hard, _ in self.plan["processes"]:
            if processes.state(pid, start):
                _set_limit(pid, _first_free(pid), hard)

    def heal(self) -> None:
        """Give those that still run their limits back."""
        for pid, start, soft, hard, _ in self.plan["processes"]:
            if processes.state(pid, start):
                _set_limit(pid, soft, hard)

    def effective(self) -> str:
        """The next number is beyond their limit, and so they accept no connection any more."""
        if not self._running():
            return "the processes have ended"
        free = [pid for pid, *_ in self._running() if _limit(pid)[0] > _first_free(pid)]
        if free:
            return f"processes {free} can open more"
        greeting = [port for *_, greeted in self._running() for port in greeted if _greets(port)]
        return f"connections to ports {greeting} are accepted" if greeting else ""

    def recovered(self) -> str:
        """The limits are what they were, and everybody greets again."""
        running = self._running()
        low = [pid for pid, _, soft, _, _ in running if _limit(pid)[0] != soft]
        if low:
            return f"processes {low} have another limit than before"
        silent = [port for *_, greeted in running for port in greeted if not _greets(port)]
        return f"nobody greets at ports {silent}" if silent else ""

    def _running(self) -> list[list[Any]]:
        return [victim for victim in self.plan["processes"] if processes.state(victim[0], victim[1])]


def _greets(port: int) -> bool:
    """Whether somebody accepts a connection and speaks first; the kernel alone connects without being accepted."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=_PATIENCE) as connection:
        return bool(connection.recv(1))
    return False


def _limit(pid: int) -> tuple[int, int]:
    """The soft and the hard limit of open files."""
    for line in Path(f"/proc/{pid}/limits").read_text(encoding="utf-8").splitlines():
        if line.startswith("Max open files"):
            soft, hard = (int(word) if word.isdigit() else resource.RLIM_INFINITY for word in line.split()[3:5])
            return soft, hard
    raise CannotError(f"process {pid} has no limit of open files")


def _set_limit(pid: int, soft: int, hard: int) -> None:
    """By a child that became the cluster's user: root itself may lack the right where nodes are containers."""
    code = as_user(lambda: resource.prlimit(pid, resource.RLIMIT_NOFILE, (soft, hard)))
    if code and processes.start_time(pid):
        raise CannotError(f"the limit of process {pid} cannot be changed")


def _first_free(pid: int) -> int:
    taken = {int(entry.name) for entry in Path(f"/proc/{pid}/fd").iterdir()}
    return next(number for number in range(len(taken) + 1) if number not in taken)
