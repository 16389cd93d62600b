"""A port of this machine's loopback that leads to a port of a node, into the lab's sealed network."""

from __future__ import annotations

import socket
import socketserver
import threading
from collections.abc import Callable
from contextlib import suppress

CONNECT_SECONDS = 3.0
CHUNK = 65536

Connect = Callable[[], socket.socket]
"""Makes a connection to the node; it may be used from anywhere."""


class Forward(socketserver.ThreadingTCPServer):
    """Passes on every connection to ``127.0.0.1:port``; port 0 takes a free one, which `port` tells."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, port: int, connect: Connect) -> None:
        self.connect = connect
        super().__init__(("127.0.0.1", port), _Passage)

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.server_address[1])

    def start(self) -> None:
        """Serve in a thread of its own until `shutdown`."""
        threading.Thread(target=self.serve_forever, name="forward", daemon=True).start()


class _Passage(socketserver.BaseRequestHandler):
    server: Forward

    def handle(self) -> None:
        """Pass both ways until either side ends. A node that does not answer ends the connection."""
        try:
            beyond = self.server.connect()
        except OSError:
            return
        with beyond:
            back = threading.Thread(target=_pass_on, args=(beyond, self.request), daemon=True)
            back.start()
            _pass_on(self.request, beyond)
            back.join()


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    """Until the source ends or either breaks; the target hears of the end."""
    with suppress(OSError):
        while chunk := source.recv(CHUNK):
            target.sendall(chunk)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)
