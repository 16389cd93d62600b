"""An SSH server that misbehaves, in one way a listener. `KINDS` names the ways and says what each does.

What comes before the exchange of keys is played on a bare socket, the rest by the server side of paramiko.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import paramiko
from paramiko.common import cMSG_CHANNEL_DATA, cMSG_USERAUTH_BANNER

ESCAPES = "\x1b]0;owned\x07\x1b[2J"
"""What a terminal would obey: a new title, and an empty screen."""
GREETING = b"SSH-2.0-hostile\r\n"
Play = Callable[["HostileSsh", socket.socket], None]
KINDS: dict[str, Play] = {}
HOST_KEY = paramiko.RSAKey.generate(2048)


class HostileSsh:
    """Listens on loopback until `close`; each connection has the misbehaviour of a kind played to it."""

    def __init__(self, kind: str) -> None:
        self.ended = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=300)
        self._play = KINDS[kind]
        self._open: list[socket.socket] = []
        self.port = int(self._listener.getsockname()[1])
        self.contacts = 0
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        """Listen no more, and end all connections."""
        self.ended.set()
        for sock in (self._listener, *self._open):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()

    def flood(self, send: Callable[[bytes], object], piece: bytes, pause: float = 0.0) -> None:
        """Send the same again and again until the other side goes, or the server is closed."""
        with contextlib.suppress(OSError, EOFError, paramiko.SSHException):
            while not self.ended.wait(pause):
                send(piece)

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                sock, _ = self._listener.accept()
                self._open.append(sock)
                self.contacts += 1
                threading.Thread(target=self._talk, args=(sock,), daemon=True).start()

    def _talk(self, sock: socket.socket) -> None:
        with contextlib.suppress(OSError, EOFError, paramiko.SSHException):
            self._play(self, sock)


@contextmanager
def hostile_server(kind: str) -> Iterator[HostileSsh]:
    """A server of this kind."""
    server = HostileSsh(kind)
    try:
        yield server
    finally:
        server.close()


def _kind(play: Play) -> Play:
    KINDS[play.__name__.strip("_").replace("_", " ")] = play
    return play


# Before the exchange of keys.


@_kind
def _silent(server: HostileSsh, sock: socket.socket) -> None:
    server.ended.wait()


@_kind
def _hangs_up(_: HostileSsh, sock: socket.socket) -> None:
    sock.close()


@_kind
def _lines_without_end(server: HostileSsh, sock: socket.socket) -> None:
    server.flood(sock.sendall, b"welcome " + ESCAPES.encode() + b"\r\n")


@_kind
def _a_line_without_end(server: HostileSsh, sock: socket.socket) -> None:
    server.flood(sock.sendall, b"x" * 4096)


@_kind
def _drops_of_a_greeting(server: HostileSsh, sock: socket.socket) -> None:
    server.flood(sock.sendall, b"S", pause=0.05)


@_kind
def _another_protocol(server: HostileSsh, sock: socket.socket) -> None:
    sock.sendall(b"220 mail.example ESMTP\r\n")
    server.ended.wait()


@_kind
def _greets_and_hangs_up(_: HostileSsh, sock: socket.socket) -> None:
    sock.sendall(GREETING)
    sock.close()


@_kind
def _greets_and_is_silent(server: HostileSsh, sock: socket.socket) -> None:
    sock.sendall(GREETING)
    server.ended.wait()


@_kind
def _greets_and_talks_nonsense(server: HostileSsh, sock: socket.socket) -> None:
    sock.sendall(GREETING)
    server.flood(sock.sendall, bytes(range(256)))


@_kind
def _a_packet_of_four_gigabytes(server: HostileSsh, sock: socket.socket) -> None:
    sock.sendall(GREETING + b"\xff\xff\xff\xf4" + b"\x04" * 12)
    server.flood(sock.sendall, b"\0" * 65536)


@_kind
def _packets_that_mean_nothing(server: HostileSsh, sock: socket.socket) -> None:
    sock.sendall(GREETING)
    ignored = bytes([0, 0, 0, 12, 6, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])  # SSH_MSG_IGNORE with nothing in it
    server.flood(sock.sendall, ignored * 100, pause=0.01)


@_kind
def _reads_nothing(server: HostileSsh, sock: socket.socket) -> None:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
    sock.sendall(GREETING)
    server.ended.wait()


# The exchange of keys and the login.


class _Server(paramiko.ServerInterface):
    """A well-behaved server, which lets everybody in and runs nothing. The kinds change what it does."""

    def __init__(self, hostile: HostileSsh, transport: paramiko.Transport) -> None:
        self.hostile = hostile
        self.transport = transport

    def get_allowed_auths(self, username: str) -> str:
        return "publickey"

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        return paramiko.AUTH_SUCCESSFUL

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return paramiko.OPEN_SUCCEEDED

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        self.begin(channel)
        return True

    def command(self, channel: paramiko.Channel) -> None:
        channel.send_exit_status(0)
        channel.close()

    def begin(self, channel: paramiko.Channel) -> None:
        """Do it when paramiko has answered the request."""

        def later() -> None:
            with contextlib.suppress(OSError, EOFError, paramiko.SSHException):
                self.hostile.ended.wait(0.05)
                self.command(channel)

        threading.Thread(target=later, daemon=True).start()


def _served(kind: type[_Server]) -> type[_Server]:
    def play(hostile: HostileSsh, sock: socket.socket) -> None:
        transport = paramiko.Transport(sock)
        transport.add_server_key(HOST_KEY)
        transport.start_server(threading.Event(), kind(hostile, transport))
        hostile.ended.wait()
        transport.close()

    KINDS[(kind.__doc__ or "").rstrip(".").lower()] = play
    return kind


@_served
class _NoLogin(_Server):
    """The login is never answered."""

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        self.hostile.ended.wait()
        return paramiko.AUTH_FAILED


@_served
class _LoginCutOff(_Server):
    """Hangs up at the login."""

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        self.transport.close()
        return paramiko.AUTH_FAILED


@_served
class _Refuses(_Server):
    """Refuses every key."""

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        return paramiko.AUTH_FAILED


@_served
class _WantsMore(_Server):
    """Wants a password too."""

    def get_allowed_auths(self, username: str) -> str:
        return "password" + ESCAPES

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        return paramiko.AUTH_PARTIALLY_SUCCESSFUL


@_served
class _BannersWithoutEnd(_Server):
    """Banners without end instead of a login."""

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        message = paramiko.Message()
        message.add_byte(cMSG_USERAUTH_BANNER)
        message.add_string("welcome " * 1000)
        message.add_string("")
        self.hostile.flood(lambda _: self.transport._send_message(message), b"")  # type: ignore[attr-defined]
        return paramiko.AUTH_FAILED


# Channels and commands.


@_served
class _NoChannel(_Server):
    """A channel is never opened."""

    def check_channel_request(self, kind: str, chanid: int) -> int:
        self.hostile.ended.wait()
        return paramiko.OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED


@_served
class _ChannelRefused(_Server):
    """Refuses every channel."""

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return paramiko.OPEN_FAILED_RESOURCE_SHORTAGE


@_served
class _NoExec(_Server):
    """A command is never begun."""

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        self.hostile.ended.wait()
        return False


@_served
class _ExecRefused(_Server):
    """Refuses every command."""

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        return False


@_served
class _SilentCommand(_Server):
    """A command never ends."""

    def command(self, channel: paramiko.Channel) -> None:
        self.hostile.ended.wait()


@_served
class _NoStatus(_Server):
    """A command ends without a status."""

    def command(self, channel: paramiko.Channel) -> None:
        channel.close()


@_served
class _EndOfOutputOnly(_Server):
    """A command ends its output and no more."""

    def command(self, channel: paramiko.Channel) -> None:
        channel.shutdown_write()
        self.hostile.ended.wait()


@_served
class _OutputWithoutEnd(_Server):
    """A command writes one line without end."""

    def command(self, channel: paramiko.Channel) -> None:
        self.hostile.flood(channel.sendall, b"x" * 32768)


@_served
class _ErrorsWithoutEnd(_Server):
    """A command writes errors without end."""

    def command(self, channel: paramiko.Channel) -> None:
        self.hostile.flood(channel.sendall_stderr, ESCAPES.encode() * 1000)


@_served
class _NoWindow(_Server):
    """A command writes more than there is room for."""

    def command(self, channel: paramiko.Channel) -> None:
        message = paramiko.Message()
        message.add_byte(cMSG_CHANNEL_DATA)
        message.add_int(channel.remote_chanid)
        message.add_string(b"x" * 32768)
        self.hostile.flood(lambda _: self.transport._send_message(message), b"")  # type: ignore[attr-defined]


@_served
class _CutOff(_Server):
    """Hangs up while a command runs."""

    def command(self, channel: paramiko.Channel) -> None:
        channel.sendall_stderr(f"bye {ESCAPES}\n".encode())
        self.transport.close()


@_served
class _ReadsNoMore(_Server):
    """Reads nothing more once a command runs."""

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        self.hostile.ended.wait()
        return True


@_served
class _Rekeys(_Server):
    """Begins to exchange keys anew and does not go on."""

    def command(self, channel: paramiko.Channel) -> None:
        self.transport._parse_kex_init = lambda _: self.hostile.ended.wait()  # type: ignore[attr-defined]
        self.transport._send_kex_init()  # type: ignore[attr-defined]
        self.hostile.ended.wait()


@_served
class _Nonsense(_Server):
    """A command gives nonsense for an answer."""

    def command(self, channel: paramiko.Channel) -> None:
        channel.sendall(f"{{ welcome {ESCAPES}\n".encode() + b"\xff\xfe[" * 1000)
        channel.sendall_stderr(f"{ESCAPES}\n".encode())
        channel.send_exit_status(7)
        channel.close()
