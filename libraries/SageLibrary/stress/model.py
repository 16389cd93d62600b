"""What a cluster should be after each operation: told from the operations alone, without looking at any machine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

GHOST_SECONDS = 60.0
"""How long Ray may still call a killed raylet ALIVE; with its default health check it takes about 13 s."""
INTERVALS = (1, 2, 5, 10)


class Deed(StrEnum):
    """What an operation does."""

    START_ALL = "start the cluster"
    STOP_ALL = "stop the cluster"
    RESTART_ALL = "restart the cluster"
    STATUS = "ask for the status"
    START = "start"
    STOP = "stop"
    RESTART = "restart"
    KILL = "kill the raylet of"
    ADD = "add"
    REMOVE = "remove"
    WRITE = "write into the configuration"
    CONFIGURE = "set monitor.refresh_interval to"


ON_A_WORKER = (Deed.START, Deed.STOP, Deed.RESTART, Deed.KILL, Deed.ADD, Deed.REMOVE, Deed.WRITE)


@dataclass(frozen=True)
class Operation:
    """One operation, on a worker or with a value where it has one."""

    deed: Deed
    worker: str = ""
    value: int = 0

    def __str__(self) -> str:
        return " ".join(filter(None, (self.deed.value, self.worker, str(self.value or ""))))


@dataclass
class ClusterModel:
    """The state that a cluster should be in, beginning with nothing running.

    ``pool`` are all nodes that may be workers, ``configured`` those of the file, in its order. ``failed`` are workers
    whose raylet was killed and that nobody started, stopped or removed since. ``ghosts`` are killed raylets that Ray
    may not have noticed yet: the worker's name, and the second (on the caller's clock) from which it must have.
    """

    pool: tuple[str, ...]
    configured: list[str]
    interval: int
    head: bool = False
    running: set[str] = field(default_factory=set)
    failed: set[str] = field(default_factory=set)
    ghosts: dict[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, pool: Sequence[str], configured: Sequence[str], interval: int) -> ClusterModel:
        """A cluster of which nothing runs."""
        return cls(tuple(pool), list(configured), interval)

    def operations(self) -> list[Operation]:
        """Everything that a person might do now, sensible or not. What concerns one worker makes up the most."""
        often = [Operation(Deed.STATUS)] * len(self.pool) + [Operation(Deed.START_ALL)]
        if not self.head:  # a stopped cluster is soon left: little can happen to it
            often += [Operation(Deed.START_ALL)] * 2 * len(self.pool)
        rare = [Operation(Deed.STOP_ALL), Operation(Deed.RESTART_ALL)]
        settings = [Operation(Deed.CONFIGURE, value=value) for value in INTERVALS]
        return often + rare + settings + [Operation(deed, worker) for deed in ON_A_WORKER for worker in self.pool]

    def apply(self, operation: Operation, now: float) -> bool:
        """Take the operation's effect in. Returns whether it succeeds; one that is refused changes nothing.

        ``now``: seconds of a monotonic clock.
        """
        on_a_worker = {
            Deed.WRITE: self._write,
            Deed.ADD: self._add,
            Deed.REMOVE: self._remove,
            Deed.START: self._start,
            Deed.STOP: self._stop,
        }
        match operation.deed:
            case Deed.CONFIGURE:
                self.interval = operation.value
            case Deed.START_ALL:
                self._start_all()
            case Deed.STOP_ALL:
                self._stop_all()
            case Deed.RESTART_ALL:
                self._stop_all()
                self._start_all()
            case Deed.KILL:
                return self._kill(operation.worker, now)
            case Deed.RESTART:
                return self._stop(operation.worker) and self._start(operation.worker)
            case deed if deed in on_a_worker:
                return on_a_worker[deed](operation.worker)
        return True

    def _start_all(self) -> None:
        self.head = True
        self.running |= set(self.configured)
        self.failed -= self.running

    def _stop_all(self) -> None:
        self.head = False
        self.running.clear()
        self.failed.clear()
        self.ghosts.clear()

    def _write(self, worker: str) -> bool:
        if worker in self.configured:
            return False
        self.configured.append(worker)
        return True

    def _kill(self, worker: str, now: float) -> bool:
        if worker not in self.running:
            return False
        self.running.remove(worker)
        self.failed.add(worker)
        self.ghosts[worker] = now + GHOST_SECONDS
        return True

    def _add(self, worker: str) -> bool:
        if not self.head:
            return False
        self.running.add(worker)
        self.failed.discard(worker)
        if worker not in self.configured:
            self.configured.append(worker)
        return True

    def _remove(self, worker: str) -> bool:
        if not self._stop(worker):  # what runs is always configured
            return False
        self.configured.remove(worker)
        return True

    def _start(self, worker: str) -> bool:
        return worker in self.configured and self._add(worker)

    def _stop(self, worker: str) -> bool:
        if worker not in self.configured:
            return False
        self.running.discard(worker)
        self.failed.discard(worker)
        return True
