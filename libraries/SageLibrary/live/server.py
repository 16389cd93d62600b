"""The page over HTTP, on this machine's loopback only: the page itself, and what it shows as JSON."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from typing import Any

POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; img-src data:"

Snapshot = Callable[[], dict[str, Any]]


class WatchServer(ThreadingHTTPServer):
    """Serves ``/`` and ``/state.json``; port 0 takes a free one, which `url` tells."""

    daemon_threads = True

    def __init__(self, port: int, snapshot: Snapshot, dashboard: str = "") -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.snapshot = snapshot
        self.dashboard = dashboard
        self.page = files("SageLibrary.live").joinpath("page.html").read_bytes()

    @property
    def url(self) -> str:
        """Where a browser finds it."""
        return f"http://127.0.0.1:{self.server_address[1]}/"

    def is_own_host(self, host: str) -> bool:
        """Whether a request's Host header names this server: another name would be a page of somebody else."""
        return host in {f"{name}:{self.server_address[1]}" for name in ("127.0.0.1", "localhost")}


class _Handler(BaseHTTPRequestHandler):
    server: WatchServer

    def do_GET(self) -> None:
        """The page, the state, or 404."""
        if not self.server.is_own_host(self.headers.get("Host", "")):
            self.send_error(HTTPStatus.FORBIDDEN, "ask for 127.0.0.1")
        elif self.path == "/":
            self._answer("text/html; charset=utf-8", self.server.page)
        elif self.path == "/state.json":
            state = {**self.server.snapshot(), "dashboard": self.server.dashboard}
            self._answer("application/json", json.dumps(state).encode())
        else:
            self.send_error(HTTPStatus.NOT_FOUND)

    def _answer(self, kind: str, body: bytes) -> None:
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("Content-Security-Policy", POLICY)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Requests are no news."""


def connect_to(address: str, port: int, seconds: float) -> socket.socket:
    """A connection to a node's port; raises OSError when there is none within so many seconds."""
    connection = socket.create_connection((address, port), seconds)
    connection.settimeout(None)
    return connection
