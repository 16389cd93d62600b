"""The watch that runs on a node, as the supervisor hears it."""

from __future__ import annotations

from typing import cast

from sage_cluster.nodes.answers import checked, find_answer
from sage_cluster.on_node.protocol import WatchMessage
from sage_cluster.ssh.connection import SshStream


class WatchStream:
    """Messages of `sage_cluster.on_node.watch` on the node ``where``, over a stream. Close it when done."""

    def __init__(self, stream: SshStream, nonce: str, where: str) -> None:
        self._stream = stream
        self._nonce = nonce
        self._where = where

    def send(self, lines: str) -> None:
        """Send whole lines to the watch, which answers with a heartbeat. Raises ConnectionLostError."""
        self._stream.send(lines)

    def messages(self, timeout: float) -> list[WatchMessage]:
        """What came by now, or within ``timeout`` seconds, perhaps nothing.

        What login scripts print is passed over. Raises ConnectionLostError at the end, NodeError for a wrong message.
        """
        found = (find_answer(line, self._nonce) for line in self._stream.lines(timeout))
        said = [text for text in found if text is not None]
        return [cast(WatchMessage, checked(WatchMessage, text, self._where)) for text in said]

    def close(self) -> None:
        """End the watch; the connection stays open."""
        self._stream.close()
