"""Faults of the node's clock. Only a machine with a clock of its own may have them."""

from __future__ import annotations

import ctypes
import os
import time
from typing import Any

from sage_lab.faults.on_node.effect import CannotError, Effect

_EXACT = 1.0
_TICK = 10_000
_ADJ_TICK = 0x4000
_WATCHED = 2.0
_HALF = 0.5


class JumpedClock(Effect):
    """The clock is ``seconds`` away from where it was; what is measured by it jumps with it."""

    def prepare(self) -> dict[str, Any]:
        """How far the clock is from the counter that nobody sets."""
        return {"right": time.time() - _counter()}

    def begin(self) -> None:
        """Set it."""
        _set(self.plan["right"] + self.plan["seconds"])

    def heal(self) -> None:
        """Set it to where it would be by now."""
        _set(self.plan["right"])

    def effective(self) -> str:
        """The clock is as far away as was asked for."""
        away = self._away()
        return "" if abs(away - self.plan["seconds"]) <= _EXACT else f"the clock is {away:+.1f} s from where it was"

    def recovered(self) -> str:
        """It is where it would be."""
        away = self._away()
        return "" if abs(away) <= _EXACT else f"the clock is {away:+.1f} s from where it should be"

    def _away(self) -> float:
        return float(time.time() - _counter() - self.plan["right"])


class DriftingClock(Effect):
    """The clock runs by ``percent`` too fast, or too slow when that is negative."""

    def prepare(self) -> dict[str, Any]:
        """How fast it runs, and how far it is from the counter that runs as the hardware does."""
        return {"right": time.time() - _counter(), "tick": _adjust(None)}

    def begin(self) -> None:
        """Let it run at another speed."""
        _adjust(round(_TICK * (1 + self.plan["percent"] / 100)))

    def heal(self) -> None:
        """Let it run as before, and set it to where it would be by now."""
        _adjust(self.plan["tick"])
        _set(self.plan["right"])

    def effective(self) -> str:
        """Its seconds are longer or shorter than the counter's by the half at least of what was asked for."""
        drift = _drift()
        wanted = float(self.plan["percent"]) / 100
        return "" if drift / wanted >= _HALF else f"the clock runs {drift * 100:+.2f} % too fast"

    def recovered(self) -> str:
        """It runs as before and is where it would be."""
        away = time.time() - _counter() - self.plan["right"]
        tick = _adjust(None)
        if tick != self.plan["tick"]:
            return f"the clock's tick is {tick} microseconds, it was {self.plan['tick']}"
        return "" if abs(away) <= _EXACT else f"the clock is {away:+.1f} s from where it should be"


class _Timex(ctypes.Structure):
    """The beginning of the kernel's struct timex; only the tick is set here."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        *((name, ctypes.c_long) for name in ("offset", "freq", "maxerror", "esterror")),
        ("status", ctypes.c_int),
        *((name, ctypes.c_long) for name in ("constant", "precision", "tolerance", "seconds", "microseconds", "tick")),
        ("rest", ctypes.c_long * 32),
    )


def _adjust(tick: int | None) -> int:
    """Set the microseconds that the clock advances a hundred times a second, or only look; how many they are."""
    said = _Timex(modes=0 if tick is None else _ADJ_TICK, tick=tick or 0)
    if ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.byref(said)) < 0:
        raise CannotError(f"the clock's speed cannot be set: {os.strerror(ctypes.get_errno())}")
    return int(said.tick)


def _drift() -> float:
    """How much faster the clock runs than the counter, as a part of one."""
    began, counted = time.time(), _counter()
    time.sleep(_WATCHED)  # what is measured is the time itself
    return (time.time() - began) / (_counter() - counted) - 1


def _counter() -> float:
    """Seconds that nobody sets and nobody speeds up."""
    return time.clock_gettime(time.CLOCK_MONOTONIC_RAW)


def _set(distance: float) -> None:
    time.clock_settime(time.CLOCK_REALTIME, _counter() + distance)
