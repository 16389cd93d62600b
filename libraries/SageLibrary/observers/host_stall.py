"""Whether this machine itself stood still: then a missed time says nothing of the cluster."""

from __future__ import annotations

import threading
import time

BEAT_SECONDS = 0.1


class Pulse:
    """A thread that wakes every tenth of a second and keeps by how much it was late."""

    def __init__(self) -> None:
        self._ended = threading.Event()
        self._worst = 0.0
        self._thread = threading.Thread(target=self._beat, name="pulse", daemon=True)

    def start(self) -> None:
        """Begin to beat."""
        self._thread.start()

    def stop(self) -> None:
        """End, and wait for the thread."""
        self._ended.set()
        self._thread.join()

    def begin(self) -> None:
        """Forget what was until now."""
        self._worst = 0.0

    def worst(self) -> float:
        """The longest standstill since `begin`, in seconds."""
        return self._worst

    def _beat(self) -> None:
        before = time.monotonic()
        while not self._ended.wait(BEAT_SECONDS):
            now = time.monotonic()
            self._worst = max(self._worst, now - before - BEAT_SECONDS)
            before = now
