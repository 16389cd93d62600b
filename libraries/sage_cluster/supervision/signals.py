"""What the watchers hear, on its way to the supervisor's own thread; and Ray's view, which comes with the head's."""

from __future__ import annotations

import queue
import time
from collections.abc import Mapping
from typing import Any

from sage_cluster.config.schema import RecoveryConfig
from sage_cluster.on_node.protocol import RayRow
from sage_cluster.supervision.health import NodeRecord
from sage_cluster.waiting import Deadline


class NodeSignals:
    """A queue of what was heard. `put` from any thread."""

    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[tuple[NodeRecord, dict[str, Any]]] = queue.SimpleQueue()

    def put(self, record: NodeRecord, heard: dict[str, Any]) -> None:
        """What a watcher heard, see `sage_cluster.supervision.watcher.Signal`, for the record that it watches for."""
        self._queue.put((record, heard))

    def update(self, records: Mapping[str, NodeRecord], seconds: float) -> set[str]:
        """Put what comes within ``seconds`` into the records, or until a process has ended; answers where one has.

        What was heard for a record that is not among them any more is about a node that is watched otherwise now.
        """
        ended: set[str] = set()
        deadline = Deadline(seconds)
        try:
            while left := deadline.left():
                record, heard = self._queue.get(timeout=0 if ended else left)
                if records.get(record.name) is record:
                    record.update(heard, time.monotonic())
                    ended |= {record.name} if "ended" in heard else set()
        except queue.Empty:
            pass
        return ended


class RaysView:
    """Ray's states by node id, made once from each answer of the head."""

    def __init__(self) -> None:
        self._rows: list[RayRow] = []
        self._states: dict[str, str] = {}

    def of(self, head: NodeRecord | None, now: float, settings: RecoveryConfig) -> dict[str, str] | None:
        """None while Ray cannot be asked: what a head said before it fell silent is no view any more."""
        if head is None or head.heartbeat is None or head.heartbeat["nodes"] is None:
            return None
        if now - head.heartbeat_at > settings.suspect_after:
            return None
        if self._rows is not head.heartbeat["nodes"]:
            self._rows = head.heartbeat["nodes"]
            self._states = {row["node_id"]: row["state"] for row in self._rows}
        return self._states
