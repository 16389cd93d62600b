"""A server that says that it is one, and no more."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

import pytest

from sage_cluster.config_model import SshConfig
from sage_cluster.errors import ConnectionLostError
from sage_cluster.ssh_connection import Target
from sage_cluster.ssh_handshake import open_connection


def test_a_handshake_that_does_not_end_in_time_says_so(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        ended = threading.Event()

        def greet() -> None:
            connection, _ = server.accept()
            with connection:
                connection.sendall(b"SSH-2.0-overloaded\r\n")
                ended.wait(30)

        thread = threading.Thread(target=greet)
        thread.start()
        settings = SshConfig(connect_timeout=0.5, known_hosts=str(tmp_path / "known_hosts"))
        try:
            with pytest.raises(ConnectionLostError, match=r"handshake did not end within 0\.5 s") as caught:
                open_connection(Target("127.0.0.1", server.getsockname()[1]), settings)
        finally:
            ended.set()
            thread.join()
    assert "ssh.connect_timeout" in caught.value.fix
