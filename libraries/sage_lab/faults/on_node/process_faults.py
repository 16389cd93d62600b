"""Faults of processes: killed, terminated, stopped, and killed again and again."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from typing import Any

from sage_lab.faults.on_node import lease, processes
from sage_lab.faults.on_node.effect import CannotError, Effect

_LOOK_AGAIN = 0.05


class Signalled(Effect):
    """The processes of ``role`` get ``signal``: KILL and TERM end them, STOP stops them until healed."""

    def prepare(self) -> dict[str, Any]:
        """Which processes it will be."""
        return {"processes": _some(self.plan["role"])}

    def begin(self) -> None:
        """Signal them all."""
        self._send(signal.Signals[f"SIG{self.plan['signal']}"])

    def heal(self) -> None:
        """Let stopped ones go on; what has ended stays ended, it is for the managers to bring it back."""
        if self.plan["signal"] == "STOP":
            self._send(signal.SIGCONT)

    def effective(self) -> str:
        """Ended, or stopped, all of them."""
        wanted = "T" if self.plan["signal"] == "STOP" else ""
        return self._others(lambda letter: letter == wanted)

    def recovered(self) -> str:
        """None of them is stopped any more."""
        return self._others(lambda letter: letter != "T")

    def _send(self, number: signal.Signals) -> None:
        for pid, start in self.plan["processes"]:
            processes.send(pid, start, number)

    def _others(self, fits: Callable[[str], bool]) -> str:
        states = {pid: processes.state(pid, start) for pid, start in self.plan["processes"]}
        return ", ".join(
            f"process {pid} is in state {letter or 'ended'}" for pid, letter in states.items() if not fits(letter)
        )


class CrashLoop(Effect):
    """Every process of ``role`` is killed as soon as it is seen, until healed."""

    holds = True

    def prepare(self) -> dict[str, Any]:
        """Which processes die first."""
        return {"processes": _some(self.plan["role"])}

    def hold(self) -> None:
        """Look for them about twenty times a second."""
        while True:
            for pid, start in processes.find(self.plan["role"]):
                processes.send(pid, start, signal.SIGKILL)
            time.sleep(_LOOK_AGAIN)

    def effective(self) -> str:
        """Somebody kills, and those that ran at the beginning are gone."""
        if not lease.holder(self.fault):
            return "nobody kills the new ones"
        left = [pid for pid, start in self.plan["processes"] if processes.state(pid, start)]
        return f"processes {left} still run" if left else ""


def _some(role: str) -> list[list[int]]:
    found = processes.find(role)
    if not found:
        raise CannotError(f"no {role} process of user {processes.USER} runs here")
    return found
