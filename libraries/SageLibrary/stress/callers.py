"""Several callers at the same moment: threads that share one manager, and processes of the command line."""

from __future__ import annotations

import os
import random
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from sage_cluster import ClusterManager
from sage_cluster.operations.operations import Operations
from SageLibrary.stress.model import ClusterModel, Deed, Operation
from SageLibrary.stress.performer import perform

END_SECONDS = 900.0
EVENTS = 500
NAMED = re.compile(r"the cluster is busy with '([^']+)' by process (\d+) on \S+ since ")
JOURNAL_NAMES = {
    Deed.START_ALL: "start cluster",
    Deed.START: "start workers",
    Deed.STOP: "stop workers",
    Deed.RESTART: "restart workers",
    Deed.ADD: "add worker",
}
"""How the journal calls what a caller may do: one that succeeds whatever the others did before."""
WORDS = {
    Deed.START_ALL: ("start",),
    Deed.START: ("worker", "start"),
    Deed.STOP: ("worker", "stop"),
    Deed.RESTART: ("worker", "restart"),
    Deed.ADD: ("scale", "add"),
}


@dataclass(frozen=True)
class End:
    """How a caller ended: its name, process, operation, whether it succeeded, and what it said otherwise."""

    caller: str
    pid: int
    operation: Operation
    success: bool
    said: str

    @property
    def key(self) -> tuple[int, str]:
        """What tells it from the others in the journal."""
        return self.pid, JOURNAL_NAMES[self.operation.deed]

    @property
    def ended(self) -> str:
        """In a line."""
        return "succeeded" if self.success else self.said.splitlines()[0] if self.said else "failed, and said nothing"


@dataclass(frozen=True)
class Round:
    """What each caller is to do: the threads, then the processes. ``wait`` in seconds, for a turn."""

    threads: tuple[Operation, ...]
    processes: tuple[Operation, ...]
    wait: float

    @classmethod
    def of(cls, callers: int, model: ClusterModel, chance: random.Random, wait: float) -> Round:
        """Draw it. The threads have operations of different kinds, as the journal tells them apart by these."""
        kinds = chance.sample(list(JOURNAL_NAMES), k=min((callers + 1) // 2, len(JOURNAL_NAMES)))
        threads = tuple(_drawn(kind, model, chance) for kind in kinds)
        others = chance.choices(list(JOURNAL_NAMES), k=callers - len(threads))
        return cls(threads, tuple(_drawn(kind, model, chance) for kind in others), wait)

    def settle(self, model: ClusterModel, ends: Sequence[End], operations: Operations) -> list[str]:
        """Take what was done into the model, in the order of the journal. Returns a line for each wrong end."""
        wrong = [line for end in ends if (line := self._wrong(end, ends))]
        done = {end.key: end.operation for end in ends if end.success}
        for event in operations.journal.last(EVENTS):
            if event["event"] == "end" and (operation := done.pop((event["pid"], _kind(event["operation"])), None)):
                model.apply(operation, time.monotonic())
        return wrong + [f"the journal has no end of {operation}, which succeeded" for operation in done.values()]

    def _wrong(self, end: End, ends: Sequence[End]) -> str:
        if end.success:
            return ""
        named = NAMED.search(end.said)
        if self.wait or named is None:
            return f"{end.caller}, {end.operation}: {end.said}"
        holder = (int(named[2]), _kind(named[1]))
        if holder in {other.key for other in ends if other is not end}:
            return ""
        return f"{end.caller}, {end.operation}: named none of the others: {end.said}"


def run_round(cluster: ClusterManager, config_path: Path, this: Round) -> list[End]:
    """Let all callers begin, and return how they ended: the threads, then the processes."""
    processes = [(operation, _begin(config_path, operation, this.wait)) for operation in this.processes]
    with ThreadPoolExecutor(max_workers=len(this.threads)) as threads:
        ends = list(threads.map(lambda operation: _call(cluster, operation, this.wait), this.threads))
    return ends + [_end(operation, process) for operation, process in processes]


def _call(cluster: ClusterManager, operation: Operation, wait: float) -> End:
    outcome = perform(cluster, operation, wait)
    return End("thread", os.getpid(), operation, outcome.success, outcome.said)


def _begin(config_path: Path, operation: Operation, wait: float) -> subprocess.Popen[str]:
    words = [*WORDS[operation.deed], *filter(None, (operation.worker,))]
    return subprocess.Popen(
        [sys.executable, "-m", "sage_cluster.cli", "--config", str(config_path), "--json", f"--wait={wait}", *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _end(operation: Operation, process: subprocess.Popen[str]) -> End:
    try:
        answer, said = process.communicate(timeout=END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        answer, said = process.communicate()
        said = f"it did not end within {END_SECONDS:g} s: {said}"
    return End("process", process.pid, operation, process.returncode == 0, said.strip() or answer)


def _drawn(deed: Deed, model: ClusterModel, chance: random.Random) -> Operation:
    if deed is Deed.START_ALL:
        return Operation(deed)
    return Operation(deed, chance.choice(model.pool if deed is Deed.ADD else model.configured))


def _kind(operation: str) -> str:
    """The journal's name of an operation without the worker's."""
    return "add worker" if operation.startswith("add worker ") else operation
