"""One program at a time changes this node's Ray: a newer one ends an older one, whose controller must have died.

The cluster's lock lets only one controller work at a time. But when that one is killed or cut off, what it began here
goes on: it may start Ray after the next controller stopped it, or clear away what the next one started. A program that
comes to its turn late, when its controller is gone already, is the older one: it does nothing.
"""

from __future__ import annotations

import errno
import os
import select
import signal
import socket
import struct
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from sage_cluster.on_node.errors import CannotError

if TYPE_CHECKING:
    from sage_cluster.on_node.protocol import NodeSpec

WAIT_SECONDS = 5.0
POLL_SECONDS = 0.02
CREDENTIALS = "3i"  # struct ucred, see unix(7)
STDOUT = 1
Spec = TypeVar("Spec", bound="NodeSpec")
Answer = TypeVar("Answer")


class TurnNotFreeError(CannotError):
    """An older program works on this node and could not be ended, or this one came too late; the message says which."""


def alone(command: Callable[[Spec], Answer]) -> Callable[[Spec], Answer]:
    """Let a command be the one program that changes the Ray of its ``temp_dir``. It raises TurnNotFreeError too."""

    @wraps(command)
    def in_turn(spec: Spec) -> Answer:
        with turn(spec["temp_dir"]):
            return command(spec)

    return in_turn


@contextmanager
def turn(temp_dir: str) -> Iterator[None]:
    """Be the one program that changes the Ray of this directory. Raises TurnNotFreeError.

    Held by an abstract socket (unix(7)): it falls with the process, leaves no file, and tells who holds it.
    """
    name = _name(temp_dir)
    deadline = time.monotonic() + WAIT_SECONDS
    with socket.socket(socket.AF_UNIX) as held:
        while True:
            if _controller_is_gone():
                raise TurnNotFreeError("the controller that asked for this is gone; nothing was done")
            if _bind(held, name):
                break
            holder = _holder(name)
            if holder:
                with suppress(ProcessLookupError, PermissionError):
                    os.kill(holder, signal.SIGKILL)
            if time.monotonic() >= deadline:
                raise TurnNotFreeError(
                    f"process {holder} works on {temp_dir} since before, for another user or another controller; "
                    "end it, or let it end"
                )
            time.sleep(POLL_SECONDS)
        yield


def _controller_is_gone() -> bool:
    """Whether sshd has closed the other end of this program's output, as it does when the connection ends."""
    output = select.poll()
    output.register(STDOUT, 0)
    return any(event & (select.POLLHUP | select.POLLERR) for _, event in output.poll(0))


def _name(temp_dir: str) -> str:
    # Nodes that share a network namespace have process tables of their own: they must not end each other's programs.
    node = Path("/proc/self/ns/pid").readlink()
    text = f"{node} {Path(temp_dir)}"
    return f"\0sage-cluster-{zlib.crc32(text.encode()):08x}-{Path(temp_dir).name[-40:]}"


def _bind(held: socket.socket, name: str) -> bool:
    try:
        held.bind(name)
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        return False
    held.listen()
    return True


def _holder(name: str) -> int:
    """The pid of the process that holds the name; 0 when it has just let go or is just taking it."""
    with socket.socket(socket.AF_UNIX) as asked:
        asked.settimeout(1.0)
        try:
            asked.connect(name)
        except OSError:
            return 0
        answer = asked.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize(CREDENTIALS))
        pid: int = struct.unpack(CREDENTIALS, answer)[0]
        return pid
