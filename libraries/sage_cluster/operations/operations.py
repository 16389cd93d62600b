"""One operation at a time on a cluster."""

from __future__ import annotations

import fcntl
import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path
from typing import Any

from sage_cluster.errors import ClusterBusyError, DeploymentError, NodeError, SageError, SshError
from sage_cluster.model import NodeResult, OperationResult
from sage_cluster.operations.journal import Journal, now

POLL_SECONDS = 0.1
NAME_SECONDS = 1.0
"""How long a caller that does not wait gives the other to say who it is, so that its refusal can name it."""


class Operations:
    """The lock and the journal of one cluster; both lie beside its configuration file.

    The lock is the kernel's (flock): it falls with the process that holds it, however that ends.
    """

    def __init__(self, config_path: Path) -> None:
        self._lock_path = config_path.with_name(f".{config_path.name}.operation")
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
        deadline = time.monotonic() + wait
        with self._open_lock() as file:
            while not _try_lock(file):
                holder = self.current()
                # One that is just beginning has not said who it is, one that is just ending says it no more.
                if time.monotonic() >= deadline + (0.0 if holder else NAME_SECONDS):
                    raise self._busy(operation, holder)
                time.sleep(POLL_SECONDS)
            self._tell_torn(_holder_in(file))
            holder = {
                "operation": operation,
                "pid": os.getpid(),
                "start": _start_time(os.getpid()),
                "host": socket.gethostname(),
                "since": now(),
            }
            file.truncate(0)
            file.write(json.dumps(holder))
            file.flush()
            self.journal.record("begin", operation=operation)
            began = time.monotonic()
            self._insiders.add(thread)
            try:
                yield True
            finally:
                self._insiders.discard(thread)
                self.journal.record("end", operation=operation, seconds=round(time.monotonic() - began, 3))
                file.truncate(0)

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
    def joined(self) -> Iterator[None]:
        """Let this thread work within the operation that another thread of this process holds."""
        thread = threading.get_ident()
        self._insiders.add(thread)
        try:
            yield
        finally:
            self._insiders.discard(thread)

    def current(self) -> dict[str, Any] | None:
        """Who operates now: ``operation``, ``pid``, ``host``, ``since``; None when nobody does. Takes no lock."""
        holder = self._holder()
        return holder if holder and _start_time(holder["pid"]) == holder["start"] else None

    def torn(self) -> dict[str, Any] | None:
        """The last operation, as in `current`, when its process ended before it did; None once another began."""
        holder = self._holder()
        return holder if holder and _start_time(holder["pid"]) != holder["start"] else None

    def _holder(self) -> dict[str, Any] | None:
        try:
            with self._lock_path.open(encoding="utf-8") as file:
                return _holder_in(file)
        except FileNotFoundError:
            return None

    def _tell_torn(self, holder: dict[str, Any] | None) -> None:
        if holder:
            reason = f"an operation of process {holder['pid']} did not end"
            self.journal.record("torn", operation=holder["operation"], since=holder["since"], reason=reason)

    def _open_lock(self) -> TextIOWrapper:
        try:
            self._lock_path.parent.mkdir(parents=True, exist_ok=True)
            return self._lock_path.open("a+", encoding="utf-8")
        except OSError as error:
            raise SageError(
                f"the cluster's lock cannot be opened: {error.strerror}",
                where=str(self._lock_path),
                fix="let this user write beside the configuration file",
            ) from error

    def _busy(self, operation: str, holder: dict[str, Any] | None) -> ClusterBusyError:
        by = "another operation, which does not say whose it is"
        if holder:
            by = f"'{holder['operation']}' by process {holder['pid']} on {holder['host']} since {holder['since']}"
        return ClusterBusyError(
            f"cannot {operation}: the cluster is busy with {by}",
            where=str(self._lock_path),
            fix="wait for it (--wait SECONDS, or wait= in Python), or end that process; a dead one does not block",
        )


def _try_lock(file: TextIOWrapper) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _holder_in(file: TextIOWrapper) -> dict[str, Any] | None:
    """What the lock's file says; None while an operation is just beginning or ending, or none was torn."""
    file.seek(0)
    try:
        holder: dict[str, Any] = json.loads(file.read())
    except ValueError:
        return None
    return holder


def _start_time(pid: int) -> int:
    """When a process started, in clock ticks since boot: another one with its pid is not the one. 0: there is none."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return 0
    return int(text.rpartition(")")[2].split()[19])
