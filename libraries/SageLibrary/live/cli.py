"""`sage-lab watch`."""

from __future__ import annotations

import signal
import socket
import threading

import click

from sage_cluster import ConfigManager
from sage_cluster.errors import ConfigError
from sage_lab.cli.options import name_option
from sage_lab.errors import LabError
from sage_lab.lab import Lab
from SageLibrary.live.forward import CONNECT_SECONDS, Forward
from SageLibrary.live.server import WatchServer, connect_to
from SageLibrary.live.snapshot import Watcher

PORT = 8300
DASHBOARD_PORT = 8265
"""Ray's own for its dashboard; the forward listens on the next free port when it is taken here."""


@click.command("watch")
@name_option
@click.option("--port", type=click.IntRange(0, 65535), default=PORT, show_default=True, help="0 takes a free one.")
def watch(name: str | None, port: int) -> None:
    """Serve a live page of the lab on this machine's loopback, until Ctrl-C.

    Run suites in another terminal; the page shows nodes, cut links, faults, the current test and the events.

    \b
    Examples:
      sage-lab watch
      sage-lab watch --name lab-3fa2c1 --port 0
    """
    lab = Lab.attach(name)
    watcher = Watcher(lab)
    head = lab.node("head").control_address
    with _dashboard(lab, head) as forward:
        try:
            server = WatchServer(port, watcher.snapshot, f"http://127.0.0.1:{forward.port}/")
        except OSError as error:
            raise LabError(
                f"port {port} cannot be used: {error.strerror}", where="127.0.0.1", fix="choose another --port"
            ) from error
        with server:
            watcher.start()
            forward.start()
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, lambda *_: threading.Thread(target=server.shutdown).start())
            click.echo(f"watching lab {lab.name}: {server.url}   (Ctrl-C ends)")
            click.echo(f"Ray's dashboard: {server.dashboard}")
            server.serve_forever()
        forward.shutdown()
        watcher.stop()


def _dashboard(lab: Lab, head: str) -> Forward:
    def connect() -> socket.socket:
        try:
            port = int(ConfigManager(lab.config_path).get("head.dashboard_port"))  # a suite may have changed it
        except ConfigError as error:
            raise ConnectionRefusedError(str(error)) from error
        return lab.inside(lambda: connect_to(head, port, CONNECT_SECONDS))

    try:
        return Forward(DASHBOARD_PORT, connect)
    except OSError:
        return Forward(0, connect)
