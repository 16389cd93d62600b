"""One operation at a time on a cluster."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from sage_cluster.errors import ClusterBusyError, DeploymentError, NodeError, SshError
from sage_cluster.model import NodeResult, OperationResult
from sage_cluster.operations.journal import Journal
from sage_cluster.state.holder import Holder, in_words, is_here
from sage_cluster.state.lock import Lock, NotFreeError, cannot_open
from sage_cluster.state.paths import StatePaths


class Operations:
    """The lock and the journal of one cluster; both lie beside its configuration file.

    The lock falls with the process that holds it, however that ends. Only an operation of another machine, which shares
    the directory, counts as running for as long as the lock's file names it: from here nobody can see that it ended.
    """

    def __init__(self, config_path: Path) -> None:
        self._lock = Lock(StatePaths.beside(config_path).operation_lock, believes_other_hosts=True)
        self.journal = Journal(config_path)
        self._insiders: set[int] = set()

    @contextmanager
    def exclusive(self, operation: str, wait: float = 0.0) -> Iterator[bool]:
        """Hold the cluster for an operation; says whether it is one of its own, not a part of another.

        Within it the same thread may begin operations that are part of it. Another caller's operation is waited for
        up to ``wait`` seconds. Raises ClusterBusyError, saying which it is, by which process and since when.
        An operation that was torn, because its process was killed, is told to the journal first.
        """
        thread = threading.get_ident()
        if thread in self._insiders:
            yield False
            return
        with self._held(operation, wait) as interrupted:
            began = time.monotonic()
            self._insiders.add(thread)
            try:
                if interrupted:
                    self._record_interrupted(interrupted)
                self.journal.record("begin", operation=operation)
                yield True
            finally:
                self._insiders.discard(thread)
                # Before the lock is free, so that the journal has the operations in their order.
                self.journal.record("end", operation=operation, seconds=round(time.monotonic() - began, 3))

    def run(
        self, operation: str, work: Callable[[], Iterable[NodeResult | OperationResult]], *, wait: float = 0.0
    ) -> OperationResult:
        """Do the work as one operation, and tell the journal its result; ``wait`` as in `exclusive`.

        A problem of the whole (NodeError, SshError, DeploymentError) becomes the result's error; what the work gives
        is put together. Raises ClusterBusyError, ConfigError.
        """
        began = time.monotonic()
        nodes: list[NodeResult] = []
        errors: list[str] = []
        with self.exclusive(operation, wait) as is_whole:
            try:
                for part in work():
                    nodes += part.nodes if isinstance(part, OperationResult) else [part]
                    errors += [part.error] if isinstance(part, OperationResult) and part.error else []
            except (NodeError, SshError, DeploymentError) as error:
                errors.append(str(error))
            result = OperationResult(operation, tuple(nodes), time.monotonic() - began, "\n".join(errors))
            if is_whole:
                self.journal.record("result", **result.to_dict())
        return result

    @contextmanager
    def reentrant(self) -> Iterator[None]:
        """Let this thread work within the operation that another thread of this process holds."""
        thread = threading.get_ident()
        self._insiders.add(thread)
        try:
            yield
        finally:
            self._insiders.discard(thread)

    def current(self) -> Holder | None:
        """Who operates now; None when nobody does. Takes no lock."""
        return self._lock.current()

    def interrupted(self) -> Holder | None:
        """The last operation, when its process ended before it did; None once another began."""
        return self._lock.left_behind()

    def _record_interrupted(self, holder: Holder) -> None:
        reason = f"an operation of process {holder['pid']} did not end"
        self.journal.record("torn", operation=holder["operation"], since=holder["since"], reason=reason)

    @contextmanager
    def _held(self, operation: str, wait: float) -> Iterator[Holder | None]:
        with ExitStack() as holding:
            try:
                self._lock.path.parent.mkdir(parents=True, exist_ok=True)
                interrupted = holding.enter_context(self._lock.held(operation, wait))
            except NotFreeError as error:
                raise self._busy(operation, error.holder) from error
            except OSError as error:
                raise cannot_open("cluster", self._lock.path, error) from error
            yield interrupted

    def _busy(self, operation: str, holder: Holder | None) -> ClusterBusyError:
        by, unless = "another operation, which does not say whose it is", ""
        if holder:
            by = in_words(holder)
            if not is_here(holder):
                unless = f", but from here that cannot be seen: remove {self._lock.path} if it ended there"
        return ClusterBusyError(
            f"cannot {operation}: the cluster is busy with {by}",
            where=str(self._lock.path),
            fix=f"wait for it (--wait SECONDS, or wait= in Python), or end that process; a dead one is no bar{unless}",
        )
