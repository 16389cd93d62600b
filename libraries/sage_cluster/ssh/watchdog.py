"""A watchdog for calls that know no deadline: what they wait for is taken away when their time is over.

paramiko waits without a limit in several places (an answer to "exec", room to send, a new exchange of keys), and where
it has one it measures by the wall clock. All of them end when the connection's socket is shut down.
"""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache


class Watchdog:
    """A time at which something is done, unless it is cancelled before."""

    def __init__(self, seconds: float, act: Callable[[], object]) -> None:
        self.at = time.monotonic() + seconds
        self.passed = False
        self._act: Callable[[], object] | None = act
        self._guard = threading.Lock()

    def cancel(self) -> bool:
        """True when it had not passed yet, and now never will."""
        with self._guard:
            self._act = None
            return not self.passed

    def act(self) -> None:
        """Its time has come."""
        with self._guard:
            act, self._act = self._act, None
            self.passed = act is not None
        if act:
            act()


@contextmanager
def within(seconds: float, act: Callable[[], object]) -> Iterator[Watchdog]:
    """Do the body; when it takes longer, ``act`` is called in another thread, once, and must not block."""
    watchdog = Watchdog(seconds, act)
    _watch().add(watchdog)
    try:
        yield watchdog
    finally:
        watchdog.cancel()


class _Watch(threading.Thread):
    def __init__(self) -> None:
        super().__init__(name="ssh-watchdogs", daemon=True)
        self._changed = threading.Condition()
        self._pending: list[tuple[float, int, Watchdog]] = []
        self._numbers = itertools.count()
        self.start()

    def add(self, watchdog: Watchdog) -> None:
        with self._changed:
            entry = (watchdog.at, next(self._numbers), watchdog)
            heapq.heappush(self._pending, entry)
            if self._pending[0] is entry:
                self._changed.notify()

    def run(self) -> None:
        while True:
            with self._changed:
                while not self._pending or self._pending[0][0] > time.monotonic():
                    self._changed.wait(self._pending[0][0] - time.monotonic() if self._pending else None)
                watchdog = heapq.heappop(self._pending)[2]
            watchdog.act()


@cache
def _watch() -> _Watch:
    return _Watch()
