"""paramiko's transport, with bounds on what the other side can make it keep, and our order of host keys."""

from __future__ import annotations

import logging
import socket
import struct
from collections.abc import Callable, Sequence
from contextlib import suppress

import paramiko
from cryptography.exceptions import InvalidSignature, InvalidTag
from paramiko.common import MSG_CHANNEL_DATA, MSG_CHANNEL_EXTENDED_DATA
from paramiko.packet import Packetizer

PACKET_BYTES = 256 * 1024  # OpenSSH's limit (PACKET_MAX_SIZE)
UNREAD_BYTES = 4 * 1024 * 1024  # twice the window that is offered: only who ignores it sends more

BROKEN = (
    OSError, EOFError, paramiko.SSHException,
    RuntimeError,  # no further thread can be made
    # paramiko passes on what reading a malformed message raised.
    ValueError, LookupError, ArithmeticError, TypeError, AttributeError, AssertionError, struct.error, InvalidSignature,
    InvalidTag,
)  # fmt: skip
"""What paramiko raises when a connection breaks, or when the other side does not keep to the protocol."""

# What paramiko logs becomes one of our errors: here it would be tracebacks on terminals, and gigabytes in a log.
_log = logging.getLogger("paramiko")
if _log.level == logging.NOTSET:
    _log.setLevel(logging.CRITICAL)


def shut(sock: socket.socket | paramiko.Channel) -> None:
    """End both directions: whoever waits for the other side gets an error at once."""
    with suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)


class ClientTransport(paramiko.Transport):
    """A connection of a client. ``order`` puts the host key algorithms in order, certificates included."""

    def __init__(self, sock: socket.socket, order: Callable[[Sequence[str]], tuple[str, ...]]) -> None:
        super().__init__(sock)
        self.packetizer = _BoundedPacketizer(sock)
        self.packetizer.set_log(self.logger)
        self._host_key_algorithms = order(self.get_security_options().key_types)
        self._channel_handler_table: dict[int, Callable[[paramiko.Channel, paramiko.Message], object]] = {
            **paramiko.Transport._channel_handler_table,  # type: ignore[attr-defined]
            MSG_CHANNEL_DATA: _feed,
            MSG_CHANNEL_EXTENDED_DATA: _feed_extended,
        }

    @property
    def preferred_keys(self) -> tuple[str, ...]:
        """The host key algorithms, the one that is wanted most first."""
        return self._host_key_algorithms


class _BoundedPacketizer(Packetizer):
    def read_all(self, n: int, check_rekey: bool = False) -> bytes:
        if n > PACKET_BYTES:
            raise paramiko.SSHException(f"a packet of {n} bytes, at most {PACKET_BYTES} are allowed")
        return bytes(super().read_all(n, check_rekey))


def _feed(channel: paramiko.Channel, message: paramiko.Message) -> None:
    _check_unread(channel)
    channel._feed(message)  # type: ignore[attr-defined]


def _feed_extended(channel: paramiko.Channel, message: paramiko.Message) -> None:
    _check_unread(channel)
    channel._feed_extended(message)  # type: ignore[attr-defined]


def _check_unread(channel: paramiko.Channel) -> None:
    if len(channel.in_buffer) + len(channel.in_stderr_buffer) > UNREAD_BYTES:
        raise paramiko.SSHException("the node sends more than it was given room for")
