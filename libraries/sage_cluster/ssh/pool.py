"""SSH to many nodes: connections are pooled and kept, retried with back-off, and work fans out with a bound."""

from __future__ import annotations

import copy
import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self, TypeVar

from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, stop_after_delay, wait_exponential_jitter

from sage_cluster.config.schema import SshConfig
from sage_cluster.errors import ConnectionLostError, DefectError, SageError, SshError, StaleConnectionError
from sage_cluster.ssh.connection import CommandResult, SshConnection, SshStream, Target
from sage_cluster.ssh.handshake import open_connection
from sage_cluster.ssh.watchdog import within

BACKOFF_SECONDS = 0.2
BACKOFF_LIMIT_SECONDS = 3.0
HANDSHAKES_AT_ONCE = 50
"""They share one processor: a thousand at once would all be late for their deadlines."""
TURN_SECONDS = 2.0
"""A handshake that takes longer waits for its node and not for the processor."""

Node = TypeVar("Node")
Answer = TypeVar("Answer")


class SshPool:
    """Connections to nodes, one each, opened when first needed. Use it from any thread; close it when done.

    ``settings`` is asked at each new connection, so that a changed configuration takes effect.
    """

    def __init__(self, settings: Callable[[], SshConfig]) -> None:
        self._settings = settings
        self._connections: dict[Target, SshConnection] = {}
        self._contacts: dict[Target, _Contact] = {}
        self._guard = threading.Lock()
        self._handshakes = threading.BoundedSemaphore(HANDSHAKES_AT_ONCE)
        self._handshakes_after_failure = threading.BoundedSemaphore(HANDSHAKES_AT_ONCE)

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
        return self._over(target, lambda kept: kept.run(argv, timeout=limit, stdin=stdin, on_output=on_output))

    def stream(self, target: Target, argv: Sequence[str]) -> SshStream:
        """Begin a command that runs on, over the node's kept connection. Raises the SshError that fits."""
        return self._over(target, lambda kept: kept.stream(argv))

    def _over(self, target: Target, work: Callable[[SshConnection], Answer]) -> Answer:
        try:
            return work(self.connection(target))
        except StaleConnectionError:
            self.drop(target)
            return work(self.connection(target))

    def connection(self, target: Target) -> SshConnection:
        """The open connection to a node, made if needed. Only a broken handshake is retried, for one
        ``ssh.connect_timeout``: an sshd that is asked too often at once drops some (MaxStartups).

        A node whose last contact failed does not make others wait. Raises the SshError that fits.
        """
        with self._guard:
            contact = self._contacts.setdefault(target, _Contact())
        asked = time.monotonic()
        with contact.lock:
            known = self._connections.get(target)
            if known and known.is_open:
                return known
            if contact.error and contact.failed_at > asked:  # while this call waited for its turn
                raise copy.copy(contact.error)
            try:
                connection = self._open(target, contact)
            except SshError as error:
                contact.error, contact.failed_at = error, time.monotonic()
                raise
            contact.error = None
            self._connections[target] = connection
            return connection

    def _open(self, target: Target, contact: _Contact) -> SshConnection:
        settings = self._settings()
        retrying = Retrying(
            retry=retry_if_exception_type(ConnectionLostError),
            stop=stop_after_attempt(1 + settings.retries) | stop_after_delay(settings.connect_timeout),
            wait=wait_exponential_jitter(multiplier=BACKOFF_SECONDS, max=BACKOFF_LIMIT_SECONDS),
            reraise=True,
        )
        turns = self._handshakes_after_failure if contact.error else self._handshakes
        return retrying(lambda: open_connection(target, settings, _turn(turns)))

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


@dataclass
class _Contact:
    """What became of the last attempt to reach a node; one is made at a time."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    error: SshError | None = None
    failed_at: float = 0.0


@contextmanager
def _turn(turns: threading.BoundedSemaphore) -> Iterator[None]:
    turns.acquire()
    with within(TURN_SECONDS, turns.release) as watchdog:
        try:
            yield
        finally:
            if watchdog.cancel():
                turns.release()


def fan_out(nodes: Iterable[Node], work: Callable[[Node], Answer], limit: int) -> list[tuple[Node, Answer | SageError]]:
    """Do the work for all nodes, at most ``limit`` at once, and answer in their order.

    A node's SageError is its answer and holds up no other; so is any other exception, as a DefectError. Ctrl-C
    ends it at once: what waits is not begun, and what runs keeps no program from its end.
    """
    waiting = list(nodes)
    answers: dict[int, Answer | SageError] = {}
    todo: queue.SimpleQueue[tuple[int, Node]] = queue.SimpleQueue()
    for numbered in enumerate(waiting):
        todo.put(numbered)
    ended = threading.Event()

    def work_on() -> None:
        while not ended.is_set():
            try:
                number, node = todo.get_nowait()
            except queue.Empty:
                return
            try:
                answers[number] = work(node)
            except SageError as error:
                answers[number] = error
            except Exception as error:  # noqa: BLE001 - one node's defect must not hide what became of the others
                answers[number] = DefectError.of(error, str(getattr(node, "name", node)))

    threads = [threading.Thread(target=work_on, daemon=True) for _ in range(min(limit, len(waiting)))]
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        ended.set()
    return [(node, answers[number]) for number, node in enumerate(waiting)]
