"""One operation on simulated nodes in this process, and what it took: time, memory, threads, open files."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.errors import BenchmarkError
from sage_cluster import ClusterManager, ConfigManager
from sage_cluster.context import ClusterContext
from sage_cluster.supervision.supervisor import Supervisor

LOOK_SECONDS = 0.05
STEADY_SECONDS = 5.0
DEADLINE = 300.0


class Peak(threading.Thread):
    """The most threads and open files of this process, looked at often until `stop`; ``cpu``: what the looks took."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.threads = self.files = 0
        self.cpu = 0.0
        self._ended = threading.Event()

    def run(self) -> None:
        """Look until the end."""
        while True:
            self.threads = max(self.threads, threading.active_count() - 1)  # without this one
            self.files = max(self.files, len(os.listdir("/proc/self/fd")) - 1)  # noqa: PTH208 - fast; without itself
            self.cpu = time.thread_time()
            if self._ended.wait(LOOK_SECONDS):
                return

    def stop(self) -> None:
        """Look a last time."""
        self._ended.set()
        self.join()


@contextmanager
def watched(took: dict[str, Any]) -> Iterator[None]:
    """Note what the body takes: ``seconds``, ``cpu`` seconds, peak ``memory`` in bytes, ``threads``, ``files``."""
    peak = Peak()
    peak.start()
    began, cpu = time.monotonic(), time.process_time()
    try:
        yield
    finally:
        took["seconds"] = time.monotonic() - began
        peak.stop()
        took["cpu"] = time.process_time() - cpu - peak.cpu
        took |= {"memory": _peak_memory(), "threads": peak.threads, "files": peak.files}


def run_client(config_path: Path, what: str) -> dict[str, Any]:
    """Do "start", "status" or "supervise" once. Raises BenchmarkError when not all nodes answer as they should."""
    return {"start": _start, "status": _status, "supervise": _supervise}[what](ConfigManager(config_path))


def _start(config: ConfigManager) -> dict[str, Any]:
    took: dict[str, Any] = {}
    manager = ClusterManager(config, report=lambda _node, _phase: None)
    with watched(took):
        result = manager.start_cluster()
    manager.close()
    if not result.success:
        raise BenchmarkError(result.message[:2000], where="start", fix="see the message")
    return took


def _status(config: ConfigManager) -> dict[str, Any]:
    """A first status, which connects, and a second one over the connections that are kept."""
    took: dict[str, Any] = {}
    manager = ClusterManager(config)
    with watched(took):
        first = manager.status_cluster()
    began, cpu = time.monotonic(), time.process_time()
    second = manager.status_cluster()
    took |= {"seconds_next": time.monotonic() - began, "cpu_next": time.process_time() - cpu}
    manager.close()
    for status in (first, second):
        bad = [f"{node.name}: {node.state} {node.problem}" for node in status.nodes if node.state != "running"]
        if bad:
            raise BenchmarkError(f"{len(bad)} nodes do not run: {bad[:5]}", where="status", fix="see the message")
    return took


class _States:
    """What the supervisor publishes, to wait for."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}
        self._changed = threading.Condition()

    def publish(self, states: dict[str, dict[str, Any]]) -> None:
        with self._changed:
            self._known = {name: str(state["state"]) for name, state in states.items()}
            self._changed.notify_all()

    def await_all(self, names: list[str], state: str, *, other: bool = False) -> None:
        """Until all the nodes are in this state; with ``other`` in any but this. Raises BenchmarkError."""

        def reached() -> bool:
            return all((self._known.get(name, "") == state) is not other for name in names)

        with self._changed:
            if not self._changed.wait_for(reached, DEADLINE):
                left = [f"{name}: {self._known.get(name)}" for name in names if self._known.get(name) != state]
                raise BenchmarkError(
                    f"{len(left)} nodes are not {state} after {DEADLINE:g} s: {left[:5]}", where="supervise", fix="-"
                )

    def unlike(self, state: str) -> int:
        """How many nodes are not in this state now."""
        with self._changed:
            return sum(1 for known in self._known.values() if known != state)


def _supervise(config: ConfigManager) -> dict[str, Any]:
    """Until all nodes are seen to run; then some seconds of watching; then one raylet ends and is brought back."""
    took: dict[str, Any] = {}
    states = _States()
    supervisor = Supervisor(ClusterContext.of(config), states.publish)
    thread = threading.Thread(target=supervisor.run, name="supervisor")
    manager = ClusterManager(config, report=lambda _node, _phase: None)
    names = [config.load().head.host, *manager.workers.list_workers()]
    with watched(took):
        began, cpu = time.monotonic(), time.process_time()
        thread.start()
        states.await_all(names, "running")
        seen = {"seconds": time.monotonic() - began, "cpu": time.process_time() - cpu}
        cpu, observed = time.process_time(), time.monotonic()
        time.sleep(STEADY_SECONDS)  # the length of the observation, not a wait for something
        took["watch_cores"] = (time.process_time() - cpu) / (time.monotonic() - observed)
        took["false_alarms"] = states.unlike("running")
        failed = time.monotonic()
        manager.workers.simulate_failure(names[-1])
        states.await_all(names[-1:], "running", other=True)
        took["noticed"] = time.monotonic() - failed
        states.await_all(names[-1:], "running")
        took["repaired"] = time.monotonic() - failed
    took |= seen
    supervisor.stop()
    thread.join()
    manager.close()
    return took


def _peak_memory() -> int:
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise BenchmarkError("no VmHWM in /proc/self/status", where="this process", fix="Linux is needed")
