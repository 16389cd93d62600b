"""Servers that fail in the midst of a login."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

import paramiko
import pytest

from sage_cluster.config.schema import SshConfig
from sage_cluster.errors import ConnectionLostError
from sage_cluster.ssh.connection import Target
from sage_cluster.ssh.handshake import open_connection


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


class _HangsUp(paramiko.ServerInterface):
    """An sshd whose time for a login is over: it closes when it is asked to let somebody in."""

    def __init__(self, transport: paramiko.Transport) -> None:
        self._transport = transport

    def get_allowed_auths(self, username: str) -> str:
        return "publickey"

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        self._transport.close()
        return paramiko.AUTH_FAILED


def test_a_connection_that_ends_during_the_login_is_no_refused_key(tmp_path: Path) -> None:
    key = paramiko.RSAKey.generate(2048)
    key.write_private_key_file(str(tmp_path / "key"))
    with socket.create_server(("127.0.0.1", 0)) as server:
        kept: list[paramiko.Transport] = []

        def serve() -> None:
            transport = paramiko.Transport(server.accept()[0])
            kept.append(transport)
            transport.add_server_key(paramiko.RSAKey.generate(2048))
            transport.start_server(event=threading.Event(), server=_HangsUp(transport))

        thread = threading.Thread(target=serve)
        thread.start()
        settings = SshConfig(
            user="sage",
            key_path=str(tmp_path / "key"),
            known_hosts=str(tmp_path / "known_hosts"),
            host_keys="accept-new",
            connect_timeout=20,
        )
        with pytest.raises(ConnectionLostError, match="ended the connection during the login of user 'sage'"):
            open_connection(Target("127.0.0.1", server.getsockname()[1]), settings)
        thread.join()
    kept[0].close()
