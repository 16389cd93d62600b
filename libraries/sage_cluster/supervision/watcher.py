"""One thread per node: keeps a watch running there over a kept connection and passes on what it says."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from typing import Any

from sage_cluster.errors import ConnectionRefusedByHostError, SageError
from sage_cluster.nodes.agent import RayNodes
from sage_cluster.nodes.spec import RayNode
from sage_cluster.nodes.watch_stream import WatchStream

Signal = Callable[[dict[str, Any]], None]
"""Called with what was heard: ``heartbeat``, ``ended``, ``sshd_refuses``, ``contact_error``, or
``watch_error`` for one that nobody foresaw."""

READ_SECONDS = 1.0  # at most; what comes is read at once
RETRY_SECONDS = 1.0
SSHD_SECONDS = 5.0  # each look is a line in the log of its sshd
SSHD_AGAIN_SECONDS = 1.0  # an sshd that is only restarted listens again by then
SSHD_TIMEOUT = 2.0


class NodeWatcher(threading.Thread):
    """Runs until `stop`. Signals come from this thread."""

    def __init__(self, node: RayNode, nodes: RayNodes, heartbeat_seconds: float, signal: Signal) -> None:
        super().__init__(name=f"watch-{node.name}", daemon=True)
        self._node = node
        self._nodes = nodes
        self._heartbeat_seconds = heartbeat_seconds
        self._signal = signal
        self._ended = threading.Event()
        self._keeps_connection = False
        self._wishes: list[str] = []

    def stop(self, successor: RayNode | None = None) -> None:
        """End the watch, here and on the node. A ``successor`` that is reached in the same way keeps its connection."""
        self._keeps_connection = successor is not None and successor.target == self._node.target
        self._ended.set()

    def watches(self, node: RayNode, heartbeat_seconds: float) -> bool:
        """Whether it watches this node as it is configured now."""
        return (self._node, self._heartbeat_seconds) == (node, heartbeat_seconds)

    def wish(self, line: str) -> None:
        """Ask the node's watch for something, with the next ping: "respawn dashboard"."""
        self._wishes.append(line)

    def run(self) -> None:
        """Watch, and begin again after each failure, whatever it is: a thread that died would leave its node alone."""
        while not self._ended.is_set():
            try:
                self._watch()
            except Exception as error:  # noqa: BLE001 - it is told, and the watch begun again
                said = f"{type(error).__name__}: {error}"
                self._signal({"contact_error": f"its watch failed: {said}", "watch_error": said})
            if not self._keeps_connection:
                self._nodes.forget(self._node)
            self._ended.wait(RETRY_SECONDS)

    def _watch(self) -> None:
        try:
            stream = self._nodes.watch(self._node)
        except SageError as error:
            refused = isinstance(error, ConnectionRefusedByHostError)
            self._signal({"contact_error": str(error), "sshd_refuses": refused})
            return
        self._signal({"sshd_refuses": False})  # it has just let us in
        try:
            self._listen(stream)
        except SageError as error:
            self._signal({"contact_error": str(error)})
        finally:
            stream.close()

    def _listen(self, stream: WatchStream) -> None:
        pinged = 0.0
        asked_sshd = time.monotonic()
        refused = False
        while not self._ended.is_set():
            now = time.monotonic()
            if now - pinged >= self._heartbeat_seconds:
                wishes, self._wishes = self._wishes, []
                stream.send("".join(f"{wish}\n" for wish in wishes) or "ping\n")
                pinged = now
            until_ping = max(0.0, pinged + self._heartbeat_seconds - now)
            for message in stream.messages(min(READ_SECONDS, until_ping)):
                self._signal({**message})
            if now - asked_sshd >= (SSHD_AGAIN_SECONDS if refused else SSHD_SECONDS):
                before, refused = refused, self._sshd_refuses()
                self._signal({"sshd_refuses": before and refused})
                asked_sshd = now

    def _sshd_refuses(self) -> bool:
        """Whether new connections are refused, though the kept one lives on."""
        target = self._node.target
        try:
            with socket.create_connection((target.host, target.port), SSHD_TIMEOUT):
                return False
        except ConnectionRefusedError:
            return True
        except OSError:
            return False
