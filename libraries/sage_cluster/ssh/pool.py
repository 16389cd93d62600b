"""SSH to many nodes: connections are pooled and kept, retried with back-off, and work fans out with a bound."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Self, TypeVar

from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential_jitter

from sage_cluster.config.schema import SshConfig
from sage_cluster.errors import ConnectionLostError, DefectError, SageError, StaleConnectionError
from sage_cluster.ssh.connection import CommandResult, SshConnection, Target
from sage_cluster.ssh.handshake import open_connection

BACKOFF_SECONDS = 0.2
BACKOFF_LIMIT_SECONDS = 3.0
HANDSHAKES_AT_ONCE = 50
"""They share one processor: a thousand at once would all be late for their deadlines."""

Node = TypeVar("Node")
Answer = TypeVar("Answer")


class SshPool:
    """Connections to nodes, one each, opened when first needed. Use it from any thread; close it when done.

    ``settings`` is asked at each new connection, so that a changed configuration takes effect.
    """

    def __init__(self, settings: Callable[[], SshConfig]) -> None:
        self._settings = settings
        self._connections: dict[Target, SshConnection] = {}
        self._locks: dict[Target, threading.Lock] = {}
        self._guard = threading.Lock()
        self._handshakes = threading.BoundedSemaphore(HANDSHAKES_AT_ONCE)

    def run(
        self,
        target: Target,
        argv: Sequence[str],
        *,
        timeout: float | None = None,
        stdin: str = "",
        on_output: Callable[[str], None] | None = None,
    ) -> CommandResult:
        """Run a command on a node over its kept connection; ``timeout`` in seconds, else ``ssh.command_timeout``.

        A command that may have begun is never repeated. Raises the SshError that fits.
        """
        limit = self._settings().command_timeout if timeout is None else timeout
        try:
            return self.connection(target).run(argv, timeout=limit, stdin=stdin, on_output=on_output)
        except StaleConnectionError:
            self.drop(target)
            return self.connection(target).run(argv, timeout=limit, stdin=stdin, on_output=on_output)

    def connection(self, target: Target) -> SshConnection:
        """The open connection to a node, made if needed. Only a broken handshake is retried: an sshd that is asked
        too often at once drops some (MaxStartups). Raises the SshError that fits."""
        with self._guard:
            lock = self._locks.setdefault(target, threading.Lock())
        with lock:
            known = self._connections.get(target)
            if known and known.is_open:
                return known
            settings = self._settings()
            retrying = Retrying(
                retry=retry_if_exception_type(ConnectionLostError),
                stop=stop_after_attempt(1 + settings.retries),
                wait=wait_exponential_jitter(multiplier=BACKOFF_SECONDS, max=BACKOFF_LIMIT_SECONDS),
                reraise=True,
            )
            connection = retrying(open_connection, target, settings, self._handshakes)
            self._connections[target] = connection
            return connection

    def drop(self, target: Target) -> None:
        """Forget a node's connection, so that the next command opens a new one."""
        with self._guard:
            connection = self._connections.pop(target, None)
        if connection:
            connection.close()

    def close(self) -> None:
        """Close all connections."""
        with self._guard:
            connections = list(self._connections.values())
            self._connections.clear()
        for connection in connections:
            connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def fan_out(nodes: Iterable[Node], work: Callable[[Node], Answer], limit: int) -> list[tuple[Node, Answer | SageError]]:
    """Do the work for all nodes, at most ``limit`` at once, and answer in their order.

    A node's SageError is its answer and holds up no other; so is any other exception, as a DefectError.
    """
    waiting = list(nodes)
    if not waiting:
        return []

    def guarded(node: Node) -> Answer | SageError:
        try:
            return work(node)
        except SageError as error:
            return error
        except Exception as error:  # noqa: BLE001 - one node's defect must not hide what became of the others
            return DefectError.of(error, str(node))

    with ThreadPoolExecutor(max_workers=min(limit, len(waiting))) as executor:
        return list(zip(waiting, executor.map(guarded, waiting), strict=True))
