"""Whether a node's SSH server answers, seen from where the nodes can be reached."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from sage_lab.errors import NodeNotReadyError
from sage_lab.model import LabNode

Inside = Callable[[Callable[[], Any]], Any]
"""Does work where the nodes can be reached, and returns its result."""
PORT = 22
_POLL = 0.02


def greeting(address: str, timeout: float, port: int = PORT) -> str:
    """What the server says first; raises OSError when there is none within ``timeout`` seconds."""
    with socket.create_connection((address, port), timeout=timeout) as connection:
        said = connection.recv(255).decode(errors="replace").strip()
    if not said.startswith("SSH-"):
        raise OSError(f"it said {said!r}, which is not SSH")
    return said


def answers(inside: Inside, node: LabNode, *, timeout: float = 2.0) -> bool:
    """Whether the node greets over the control link within ``timeout`` seconds."""
    try:
        return bool(inside(lambda: greeting(node.control_address, timeout, node.port)))
    except OSError:
        return False


def wait(inside: Inside, nodes: Sequence[LabNode], *, deadline: float = 30.0) -> None:
    """Wait until every node greets; raises NodeNotReadyError with what was seen last."""
    until = time.monotonic() + deadline

    def waits(node: LabNode) -> str:
        while True:
            try:
                return greeting(node.control_address, max(0.1, until - time.monotonic()), node.port)
            except OSError as error:
                if time.monotonic() >= until:
                    raise NodeNotReadyError(
                        f"no SSH over the control link after {deadline:g} s: {error}",
                        where=f"{node.name}, {node.control_address}:{node.port}",
                        fix="'sage-lab status' and the node's console.log in the lab's directory tell more",
                    ) from error
                time.sleep(_POLL)

    def work() -> None:
        with ThreadPoolExecutor(max_workers=max(1, len(nodes))) as pool:
            list(pool.map(waits, nodes))

    inside(work)
