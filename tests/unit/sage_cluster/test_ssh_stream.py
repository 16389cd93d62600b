"""What a command that runs on makes of a connection that breaks under it."""

from __future__ import annotations

from typing import Any, NoReturn

import paramiko
import pytest

from sage_cluster.errors import ConnectionLostError
from sage_cluster.ssh.connection import SshConnection, SshStream, Target


class BrokenChannel:
    """A channel of which every use raises the error."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def settimeout(self, seconds: float) -> None:
        pass

    def sendall(self, data: bytes) -> NoReturn:
        raise self._error

    def recv(self, size: int) -> NoReturn:
        raise self._error

    def close(self) -> NoReturn:
        raise self._error


@pytest.mark.parametrize("method", ["send", "lines", "close"])
@pytest.mark.parametrize("error", [EOFError(), paramiko.SSHException("key exchange")])
def test_what_paramiko_raises_when_a_socket_breaks_is_a_lost_connection(method: str, error: Exception) -> None:
    """paramiko's write_all raises a bare EOFError; one that escaped would hide what became of all other nodes."""
    channel: Any = BrokenChannel(error)
    transport: Any = None
    stream = SshStream(SshConnection(Target("here"), transport, 1.0), channel)
    if method == "close":
        stream.close()  # all was said and done before
        return
    with pytest.raises(ConnectionLostError) as caught:
        stream.send("hello") if method == "send" else stream.lines(0.1)
    assert caught.value.where == "here"
    assert "the connection broke: " in caught.value.what
    assert not caught.value.what.removeprefix("the connection broke: ").startswith(";"), "it says why"
