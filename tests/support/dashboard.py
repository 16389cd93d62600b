"""An HTTP server that plays Ray's dashboard or the agent of a node."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Reply = Callable[[str], tuple[int, bytes]]
NOT_HTTP = -1
"""A status with which the body alone is sent."""


class Server:
    """An HTTP server on the loopback; ``reply`` gives status and body for a path, and each path asked is kept."""

    def __init__(self, reply: Reply) -> None:
        self.paths: list[str] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.paths.append(self.path)
                status, body = reply(self.path)
                if status == NOT_HTTP:
                    self.wfile.write(body)
                    return
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = int(self.http.server_address[1])


@contextmanager
def serving(reply: Reply) -> Iterator[Server]:
    """Serve until the block ends."""
    server = Server(reply)
    thread = threading.Thread(target=server.http.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server
    finally:
        server.http.shutdown()
        thread.join()
        server.http.server_close()


def row(node_id: str, state: str = "ALIVE") -> dict[str, str]:
    """What Ray's state API says of a node, as far as it is needed."""
    return {"node_id": node_id, "node_ip": "10.0.0.1", "node_name": "w", "state": state, "state_message": ""}


def state_api(*rows: dict[str, str]) -> tuple[int, bytes]:
    """A reply of the state API with these rows and what else it tells."""
    more = [{**r, "is_head_node": False, "resources_total": {"CPU": 1}} for r in rows]
    return 200, json.dumps({"result": True, "data": {"result": {"total": len(rows), "result": more}}}).encode()
