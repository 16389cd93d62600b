"""What Ray itself calls its nodes, asked over the lab's own path: how fast Ray notices what the supervisor notices."""

from __future__ import annotations

import http.client
import json
import threading
import time
import urllib.request
from collections.abc import Callable
from typing import Any

from SageLibrary.recording.recording import RaySight

ASK_EVERY_SECONDS = 0.5
ASK_SECONDS = 2.0
DEAD = "DEAD"
NODES = "/api/v0/nodes?detail=1&limit=10000"
NO_ANSWER = (OSError, http.client.HTTPException, ValueError, KeyError, TypeError)
"""What asking raises while there is no dashboard, or one that is not up yet."""


def ask_nodes(address: str, port: int) -> list[dict[str, Any]]:
    """The nodes that Ray knows, each with ``node_ip`` and ``state``, from the dashboard. Raises one of `NO_ANSWER`."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"http://{address}:{port}{NODES}", timeout=ASK_SECONDS) as answer:
        rows: list[dict[str, Any]] = json.load(answer)["data"]["result"]["result"]
    return rows


class RayWatch:
    """A thread that asks the dashboard's public state API for the nodes, and tells each change of state."""

    def __init__(self, address: str, port: int, names: dict[str, str], tell: Callable[[RaySight], None]) -> None:
        """``names``: the nodes' names by their addresses in the cluster."""
        self._dashboard = (address, port)
        self._names = names
        self._tell = tell
        self._states: dict[str, str] = {}
        self._asked = time.monotonic()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="ray-watch", daemon=True)

    def start(self) -> None:
        """Begin to ask."""
        self._thread.start()

    def stop(self) -> None:
        """End, and wait for the thread."""
        self._ended.set()
        self._thread.join()

    def update(self, rows: list[dict[str, Any]], asked: float, answered: float, wall: float) -> None:
        """Tell what changed. ``asked`` and ``answered``: seconds, monotonic; ``wall``: seconds since the epoch.

        Ray's own record of a death (``end_time_ms``, on the head's clock) is finer than the asking, so it is taken
        where it lies between the last two questions; clocks that differ thus do no harm.
        """
        for row in rows:
            ident, state = str(row["node_id"]), str(row["state"])
            if self._states.get(ident) == state:
                continue
            self._states[ident] = state
            at = answered
            if state == DEAD and row.get("end_time_ms"):
                at = min(max(answered - wall + float(row["end_time_ms"]) / 1000, asked), answered)
            address = str(row["node_ip"])
            self._tell(RaySight(self._names.get(address, address), ident, state, at))

    def _watch(self) -> None:
        while not self._ended.wait(ASK_EVERY_SECONDS):
            try:
                rows = ask_nodes(*self._dashboard)
                answered = time.monotonic()
                self.update(rows, self._asked, answered, time.time())
            except NO_ANSWER:
                continue  # the next answer counts; what it says of deaths has its own time
            self._asked = answered
