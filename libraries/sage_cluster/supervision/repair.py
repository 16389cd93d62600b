"""Repairing nodes: the same starts as a person's, as one operation, for nodes that are still wanted."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace

from sage_cluster.context import ClusterContext
from sage_cluster.errors import ClusterBusyError, SageError
from sage_cluster.head_manager import HeadManager
from sage_cluster.model import OperationResult
from sage_cluster.nodes.spec import head_node
from sage_cluster.supervision.health import Repair
from sage_cluster.worker_manager import WorkerManager


@dataclass(frozen=True)
class Outcome:
    """How a repair ended: per node what was done or why it failed; ``deferred`` when a person's operation ran."""

    said: dict[str, str] = field(default_factory=dict)
    deferred: bool = False


class Repairer:
    """Starts nodes again, by the connections of its context, which are not those that watch."""

    def __init__(self, context: ClusterContext) -> None:
        self._context = context
        self._operations = context.operations
        self._membership = context.membership
        self._guard = threading.Lock()
        self._running = 0
        self._operation = ExitStack()
        self._head = HeadManager(context=context)
        self._workers = WorkerManager(context=context)

    def repair(self, due: dict[str, Repair]) -> Outcome:
        """Start the nodes again, fencing those that need it; with the head all wanted workers get a new session.

        Repairs of different nodes may run at once, in threads of their own: together they are one operation.
        """
        try:
            with self._one_operation(", ".join(due)), self._operations.reentrant():
                wanted = self._membership.wanted()
                return Outcome(self._start({name: how for name, how in due.items() if name in wanted}))
        except ClusterBusyError:
            return Outcome(deferred=True)
        except SageError as error:
            return Outcome({name: str(error) for name in due})

    @contextmanager
    def _one_operation(self, names: str) -> Iterator[None]:
        with self._guard:
            if self._running == 0:
                self._operation.enter_context(self._operations.exclusive(f"repair {names}"))
            self._running += 1
        try:
            yield
        finally:
            with self._guard:
                self._running -= 1
                if self._running == 0:
                    self._operation.close()

    def close(self) -> None:
        """Close the connections."""
        self._context.close()

    def _start(self, due: dict[str, Repair]) -> dict[str, str]:
        head = head_node(self._context.config.load()).name
        for name, how in due.items():
            self._context.journal.record("repairing", node=name, action=how.value)
        began = time.monotonic()
        results: list[OperationResult] = []
        if head in due:
            results.append(self._head.start(fence=due[head] is Repair.FENCE, recover=True))
            workers = [name for name in self._workers.list_workers() if name in self._membership.wanted()]
            if results[0].success and workers:
                results.append(self._rejoin(workers))
        else:
            for fence in (False, True):
                names = [name for name, how in due.items() if (how is Repair.FENCE) is fence]
                if names:
                    results.append(self._workers.start_workers(names=names, fence=fence))
        return self._record(due, results, time.monotonic() - began)

    def _rejoin(self, workers: list[str]) -> OperationResult:
        """Bring the workers to the new head: those whose raylets do not find it by themselves are started again."""
        result = self._workers.start_workers(names=workers)
        late = [node.name for node in result.failed if node.details.get("already_running")]
        if not late:
            return result
        fenced = self._workers.start_workers(names=late, fence=True)
        in_time = tuple(node for node in result.nodes if node.name not in late)
        return replace(result, nodes=(*in_time, *fenced.nodes), error=result.error or fenced.error)

    def _record(self, due: dict[str, Repair], results: list[OperationResult], seconds: float) -> dict[str, str]:
        said = {name: result.error for result in results for name in due if result.error}
        for result in results:
            for node in result.nodes:
                said[node.name] = "started" if node.success else node.error
                event = "repaired" if node.success else "repair failed"
                if node.name not in due and node.details.get("already_running"):
                    event = "kept"
                action = due[node.name].value if node.name in due else "rejoin"
                details = {} if node.success else {"error": node.error}
                self._context.journal.record(event, node=node.name, action=action, seconds=round(seconds, 3), **details)
        done = {node.name for result in results for node in result.nodes}
        for name, how in due.items():
            if name not in done:
                self._context.journal.record("repair failed", node=name, action=how.value, error=said.get(name, ""))
        return said
