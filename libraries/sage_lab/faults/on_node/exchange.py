"""Packets to and fro between two ends, to see what a link lets through. Runs on both ends, node or controller."""

from __future__ import annotations

import itertools
import socket
import struct
import time
from collections.abc import Callable, Sequence
from typing import Any

_FORM = struct.Struct("!16sI")
_INTERVAL = 0.01
_WAIT = 0.002


def exchange(
    local: tuple[str, int],
    peer: tuple[str, int],
    token: str,
    finished: Callable[[], bool],
    *,
    size: int = 64,
    burst: int = 1,
) -> dict[str, Any]:
    """Send ``burst`` datagrams of ``size`` bytes every 10 ms, and receive, until ``finished``.

    Returns how many were ``sent``, and of the peer's: ``received`` (each once), ``missing`` between the first
    and the last seen, ``duplicates``, ``disordered``. Raises OSError when the port is taken.
    """
    mark = token.encode().ljust(16)[:16]
    seen: list[int] = []
    sent, due = 0, time.monotonic()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as channel:
        channel.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        channel.bind(local)
        channel.settimeout(_WAIT)
        while not finished():
            if time.monotonic() >= due:
                due += _INTERVAL
                for _ in range(burst):
                    sent += 1
                    _send(channel, _FORM.pack(mark, sent).ljust(size, b"\0"), peer)
            _receive(channel, mark, seen)
        return {"sent": sent, **account(seen)}


def account(seen: Sequence[int]) -> dict[str, int]:
    """What a sequence of received numbers tells."""
    distinct = set(seen)
    span = max(distinct) - min(distinct) + 1 if distinct else 0
    disordered = sum(1 for before, after in itertools.pairwise(seen) if after < before)
    return {
        "received": len(distinct),
        "missing": span - len(distinct),
        "duplicates": len(seen) - len(distinct),
        "disordered": disordered,
    }


def answer(spec: dict[str, Any]) -> dict[str, Any]:
    """The node's end of an exchange, for ``seconds``."""
    until = time.monotonic() + float(spec["seconds"])
    return exchange(
        tuple(spec["local"]),
        tuple(spec["peer"]),
        spec["token"],
        lambda: time.monotonic() >= until,
        size=spec["size"],
        burst=spec["burst"],
    )


def _send(channel: socket.socket, datagram: bytes, peer: tuple[str, int]) -> None:
    try:
        channel.sendto(datagram, peer)
    except (PermissionError, ConnectionError, BlockingIOError, TimeoutError):
        return  # the link refuses it: that is what is being looked at
    except OSError as error:
        if error.errno not in _UNREACHABLE:
            raise


def _receive(channel: socket.socket, mark: bytes, seen: list[int]) -> None:
    try:
        while True:
            datagram = channel.recv(65535)
            if datagram[:16] == mark:
                seen.append(_FORM.unpack(datagram[: _FORM.size])[1])
    except (TimeoutError, ConnectionError):
        return


_UNREACHABLE = {100, 101, 105, 113}
"""ENETDOWN, ENETUNREACH, ENOBUFS, EHOSTUNREACH: what a cut link answers."""
