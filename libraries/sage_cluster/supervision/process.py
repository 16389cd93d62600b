"""The supervisor as a process of its own: begun, found, asked and ended. Only one supervises a cluster."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, TextIO

from sage_cluster.config_manager import ConfigManager
from sage_cluster.context import ClusterContext
from sage_cluster.errors import SageError
from sage_cluster.supervision.supervisor import Supervisor

START_SECONDS = 15.0
STOP_SECONDS = 15.0
ASKED_SECONDS = 1.0
POLL_SECONDS = 0.05


class SupervisorProcess:
    """The supervisor of one configuration file, whoever runs it."""

    def __init__(self, config_path: Path) -> None:
        self._config_path = config_path.absolute()
        self._lock_path = config_path.with_name(f".{config_path.name}.supervisor")
        self._state_path = config_path.with_name(f"{config_path.stem}.supervisor.json")
        self.log_path = config_path.with_name(f"{config_path.stem}.supervisor.log")

    def run(self) -> None:
        """Supervise in this process until a SIGTERM, SIGINT, or the end of the configuration.

        Raises SageError when another process supervises this cluster, or the configuration is wrong.
        """
        config_manager = ConfigManager(self._config_path)
        config_manager.load()  # who takes the lock counts as supervising
        with self._lock_path.open("a+", encoding="utf-8") as lock:
            self._take(lock)
            lock.truncate(0)
            lock.write(str(os.getpid()))
            lock.flush()
            supervisor = Supervisor(ClusterContext.of(config_manager), self._publish)
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, lambda *_: supervisor.stop())
            try:
                supervisor.run()
            finally:
                self._state_path.unlink(missing_ok=True)
                lock.truncate(0)

    def is_running(self) -> bool:
        """Whether a process supervises this cluster now."""
        try:
            with self._lock_path.open("r", encoding="utf-8") as lock:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except BlockingIOError:
            return True
        return False

    def died(self) -> int:
        """The pid of a supervisor that was killed: it did not end as it should, and no other has begun. 0: none."""
        try:
            pid = int(self._lock_path.read_text(encoding="utf-8") or 0)
        except (FileNotFoundError, ValueError):
            return 0
        return 0 if self.is_running() else pid

    def begin(self) -> subprocess.Popen[bytes] | None:
        """Start a process that supervises, detached from this one; None when one runs already."""
        if self.is_running():
            return None
        with self.log_path.open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "sage_cluster.cli", "--config", str(self._config_path), "supervise"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def await_running(self, process: subprocess.Popen[bytes] | None) -> None:
        """Wait until the begun process supervises. Raises SageError with the end of its log when it does not."""
        deadline = time.monotonic() + START_SECONDS
        while not self.is_running():
            ended = process.poll() if process else None
            if ended is not None or time.monotonic() >= deadline:
                tail = self.log_path.read_text(encoding="utf-8", errors="replace")[-1000:]
                raise SageError(
                    f"the supervisor did not start (status {ended}): {tail.strip()}",
                    where=str(self.log_path),
                    fix="run it by hand to see why: sage-cluster supervise",
                )
            time.sleep(POLL_SECONDS)

    def pid(self) -> int:
        """The supervisor's process; one that has only just begun is waited for. Raises SageError when there is none."""
        deadline = time.monotonic() + ASKED_SECONDS
        # A supervisor that was killed left its number: the next one writes its own over it.
        while not (said := self._lock_path.read_text(encoding="utf-8")) or not Path(f"/proc/{said}").exists():
            if time.monotonic() >= deadline:
                raise SageError(
                    "a process holds the supervisor's lock and does not say who it is", where=str(self._lock_path)
                )
            time.sleep(POLL_SECONDS)
        return int(said)

    def end(self) -> bool:
        """End the supervisor, by force if it must be. False when none ran."""
        if not self.is_running():
            return False
        pid = self.pid()
        for number, seconds in ((signal.SIGTERM, STOP_SECONDS), (signal.SIGKILL, STOP_SECONDS)):
            os.kill(pid, number)
            deadline = time.monotonic() + seconds
            while self.is_running() and time.monotonic() < deadline:
                time.sleep(POLL_SECONDS)
            if not self.is_running():
                return True
        raise SageError(f"the supervisor, process {pid}, survived SIGKILL", where=str(self._lock_path))

    def states(self) -> dict[str, dict[str, Any]]:
        """Every supervised node's ``state`` and ``reason``; empty when nobody supervises."""
        if not self.is_running():
            return {}
        try:
            states: dict[str, dict[str, Any]] = json.loads(self._state_path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        return states

    def _take(self, lock: TextIO) -> None:
        """Take the lock. Who only asks whether it is taken holds it for a moment too, and is waited for."""
        deadline = time.monotonic() + ASKED_SECONDS
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                if time.monotonic() >= deadline:
                    raise SageError(
                        f"process {self.pid()} supervises this cluster already",
                        where=str(self._config_path),
                        fix="leave it to that one, or stop the cluster first",
                    ) from error
                time.sleep(POLL_SECONDS)
            else:
                return

    def _publish(self, states: dict[str, dict[str, Any]]) -> None:
        if not self._state_path.parent.is_dir():
            return
        fresh = self._state_path.with_suffix(".new")
        fresh.write_text(json.dumps(states), encoding="utf-8")
        fresh.replace(self._state_path)
