"""The supervisor as a process of its own: begun, found, asked and ended. Only one supervises a cluster."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO, cast

from sage_cluster.config_manager import ConfigManager
from sage_cluster.context import ClusterContext
from sage_cluster.errors import SageError
from sage_cluster.state.holder import Holder, is_alive, is_here, send_signal
from sage_cluster.state.json_file import JsonFile
from sage_cluster.state.lock import FILE_MODE, Lock, NotFreeError, cannot_open
from sage_cluster.state.paths import StatePaths
from sage_cluster.supervision.supervisor import Supervisor
from sage_cluster.waiting import wait_until

START_SECONDS = 15.0
STOP_SECONDS = 15.0
ASKED_SECONDS = 1.0

States = dict[str, dict[str, Any]]
log = logging.getLogger(__name__)


class SupervisorProcess:
    """The supervisor of one configuration file, whoever runs it."""

    def __init__(self, config_path: Path) -> None:
        self._config_path = config_path.absolute()
        paths = StatePaths.beside(config_path)
        self._lock = Lock(paths.supervisor_lock)
        self._states: JsonFile[States] = JsonFile(paths.supervisor_states, _parse, {}, "its next change is awaited")
        self.log_path = paths.supervisor_log

    def run(self) -> None:
        """Supervise in this process until a SIGTERM, SIGINT, or the end of the configuration.

        Raises SageError when another process supervises this cluster, or the configuration is wrong.
        """
        config_manager = ConfigManager(self._config_path)
        config_manager.load()  # who takes the lock counts as supervising
        with ExitStack() as held:
            try:
                held.enter_context(self._lock.held("supervise"))
            except NotFreeError as error:
                raise SageError(
                    f"process {self.pid()} supervises this cluster already",
                    where=str(self._config_path),
                    fix="leave it to that one, or stop the cluster first",
                ) from error
            except OSError as error:
                raise cannot_open("supervisor", self._lock.path, error) from error
            supervisor = Supervisor(ClusterContext.of(config_manager), self._states.publish)
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, lambda *_: supervisor.stop())
            try:
                supervisor.run()
            finally:
                self._states.path.unlink(missing_ok=True)

    def is_running(self) -> bool:
        """Whether a process supervises this cluster now."""
        return self._lock.is_held()

    def died(self) -> int:
        """The pid of a supervisor that was killed: it did not end as it should, and no other has begun. 0: none."""
        holder = self._lock.named()
        return holder["pid"] if holder and not self.is_running() else 0

    def begin(self) -> subprocess.Popen[bytes] | None:
        """Start a process that supervises, detached from this one; None when one runs already.

        Nothing of the current directory is run, which may be anybody's: the process works in the configuration's.
        """
        if self.is_running():
            return None
        with self._log() as output:
            return subprocess.Popen(
                [sys.executable, "-P", "-m", "sage_cluster.cli", "--config", str(self._config_path), "supervise"],
                cwd=self._config_path.parent,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def await_running(self, process: subprocess.Popen[bytes] | None) -> None:
        """Wait until the begun process supervises. Raises SageError with the end of its log when it does not."""

        def ended() -> bool:
            return process is not None and process.poll() is not None

        wait_until(lambda: self.is_running() or ended(), START_SECONDS)
        if not self.is_running():
            log_text = self.log_path.read_text(encoding="utf-8", errors="replace") if self.log_path.exists() else ""
            raise SageError(
                f"the supervisor did not start (status {process.poll() if process else None}): "
                f"{log_text[-1000:].strip()}",
                where=str(self.log_path),
                fix="run it by hand to see why: sage-cluster supervise",
            )

    def pid(self) -> int:
        """The supervisor's process; one that has only just begun is waited for. Raises SageError when there is none."""
        return self._holder()["pid"]

    def end(self) -> bool:
        """End the supervisor, by force if it must be. False when none ran.

        Only the very process that took the lock is signalled. Raises SageError for one that is not known to be it.
        """
        if not self.is_running():
            return False
        holder = self._holder()
        for number in (signal.SIGTERM, signal.SIGKILL):
            self._signal(holder, number)
            if wait_until(lambda: not self.is_running(), STOP_SECONDS):
                return True
        raise SageError(f"the supervisor, process {holder['pid']}, survived SIGKILL", where=str(self._lock.path))

    def states(self) -> States:
        """Every supervised node's ``state`` and ``reason``; empty when nobody supervises."""
        return self._states.read() if self.is_running() else {}

    def _log(self) -> BinaryIO:
        """What the process's output goes to; without room for a log it is lost, but the cluster is supervised."""
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        try:
            return os.fdopen(os.open(self.log_path, flags, FILE_MODE), "ab")
        except OSError as error:
            log.warning("%s: the supervisor's output is lost: %s", self.log_path, error.strerror)
            return Path(os.devnull).open("ab")

    def _holder(self) -> Holder:
        # A supervisor that was killed left its name: the next one writes its own over it.
        def alive() -> Holder | None:
            holder = self._lock.named()
            return holder if holder and (is_alive(holder) or not is_here(holder)) else None

        holder = wait_until(alive, ASKED_SECONDS)
        if holder is None:
            raise SageError(
                "a process holds the supervisor's lock and does not say who it is", where=str(self._lock.path)
            )
        return holder

    def _signal(self, holder: Holder, number: signal.Signals) -> None:
        if not is_here(holder):
            raise SageError(
                f"the supervisor is process {holder['pid']} on {holder['host']}, since {holder['since']}",
                where=str(self._lock.path),
                fix=f"stop the cluster on {holder['host']}",
            )
        try:
            send_signal(holder, number, {self._lock.owner(), os.geteuid()})
        except PermissionError as error:
            raise SageError(
                f"process {holder['pid']}, which the supervisor's lock names, is another user's and is not signalled",
                where=str(self._lock.path),
                fix="stop the cluster as the user who started it",
            ) from error


def _parse(states: Any) -> States:  # noqa: ANN401 - whatever a file says
    try:
        told = all(isinstance(said["state"], str) and isinstance(said["reason"], str) for said in states.values())
    except (AttributeError, KeyError, TypeError):
        told = False
    if not told:
        raise ValueError("it does not say how the nodes are")
    return cast(States, states)
