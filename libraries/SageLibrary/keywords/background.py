"""Words for operations that run beside the suite or are killed half-way, and for the supervisor and its repairs."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from robot.api import logger
from robot.api.deco import keyword

from sage_cluster import NodeResult, OperationResult
from sage_lab import Ability
from sage_lab.faults import FaultKind, inject
from SageLibrary.arguments.node_name import Host, NodeName
from SageLibrary.context import Stage
from SageLibrary.keywords.component import Component
from SageLibrary.recording.verdict import InconclusiveError
from SageLibrary.waiting import POLL_SECONDS, stretched, wait_until

EVENTS = 2000
MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class Background:
    """An operation in a process of its own, as a person's at another terminal; what it writes goes to two files."""

    words: str
    process: subprocess.Popen[bytes]
    answer: Path
    progress: Path

    def said(self) -> str:
        """What it said so far."""
        return self.progress.read_text(encoding="utf-8", errors="replace")

    def result(self) -> OperationResult:
        """What became of it; an operation that was refused has no more than an error."""
        try:
            answer = json.loads(self.answer.read_text(encoding="utf-8"))
        except ValueError:
            return OperationResult(self.words, error=self.said() or f"it ended with status {self.process.poll()}")
        return OperationResult(
            answer["operation"],
            tuple(NodeResult(**node) for node in answer["nodes"]),
            answer["elapsed"],
            answer["error"],
        )


class InterruptionKeywords(Component):
    """Interruptions. What was begun must be let end or killed; `End Every Operation` does it in any case."""

    def __init__(self, stage: Stage) -> None:
        super().__init__(stage)
        self._begun: list[Background] = []
        self._moment = time.monotonic()

    @keyword
    def begin_operation(self, *words: str) -> None:
        """Begin ``sage-cluster`` with these words on the lab's configuration, and do not wait for its end.

        | Begin Operation | start |
        | Begin Operation | scale | add | new-worker |
        """
        directory = self.stage.results() / "operations"
        directory.mkdir(parents=True, exist_ok=True)
        name = f"{len(list(directory.glob('*.json'))) + 1:03d}-{words[0]}"
        answer, progress = directory / f"{name}.json", directory / f"{name}.txt"
        argv = [sys.executable, "-m", "sage_cluster.cli", "--config", str(self.stage.lab.config_path), "--json", *words]
        with answer.open("wb") as out, progress.open("wb") as said:
            process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=said, start_new_session=True)
        self._begun.append(Background(shlex.join(words), process, answer, progress))
        logger.info(
            f'process {process.pid}: <a href="operations/{answer.name}">result</a>, '
            f'<a href="operations/{progress.name}">progress</a>',
            html=True,
        )

    @keyword
    def operation_should_say(self, text: str, within: timedelta = MINUTE) -> None:
        """The operation that was begun last says this within a time.

        | Operation Should Say | worker-1: starting |
        """
        operation = self._last()
        ended = "(it ended)"

        def said() -> str:
            end = "" if operation.process.poll() is None else ended  # asked first: what it said last is read below
            return operation.said().strip() + end

        seen = wait_until(
            f"what '{operation.words}' said", said, lambda now: text in now or now.endswith(ended), within, text
        )
        if text not in seen:
            raise AssertionError(f"what '{operation.words}' said was '{seen}', should be '{text}'")

    @keyword
    def operation_should_end(self, within: timedelta = MINUTE) -> OperationResult:
        """The operation that was begun last ends by itself. `The Operation Should Succeed` and others judge it."""
        operation = self._last()
        try:
            operation.process.wait(stretched(within).total_seconds())
        except subprocess.TimeoutExpired:
            raise AssertionError(
                f"'{operation.words}' ran on, should end within {stretched(within).total_seconds():g} s; "
                f"it said:\n{operation.said()}"
            ) from None
        result = operation.result()
        logger.info(f"{operation.said()}\n{json.dumps(result.to_dict(), indent=2)}")
        self.stage.last_result = result
        return result

    @keyword
    def kill_the_operation(self) -> None:
        """Kill -9 the operation that was begun last, in the midst of its work."""
        operation = self._last()
        ended = operation.process.poll()
        if ended is not None:
            raise InconclusiveError(f"'{operation.words}' had ended with status {ended} before it was killed")
        operation.process.kill()
        operation.process.wait()
        logger.info(f"'{operation.words}' was killed after it had said:\n{operation.said()}")

    @keyword
    def end_every_operation(self) -> None:
        """Kill what was begun and still runs: for teardowns."""
        for operation in self._begun:
            if operation.process.poll() is None:
                operation.process.kill()
                operation.process.wait()
                logger.warn(f"'{operation.words}' still ran and was killed; it had said:\n{operation.said()}")
        self._begun.clear()

    @keyword
    def start_the_cluster_when_it_is_free(self, within: timedelta = MINUTE) -> OperationResult:
        """Start what does not run, after the operation or repair that is under way."""
        self.stage.last_result = self.stage.cluster.start_cluster(wait=stretched(within).total_seconds())
        return self.stage.last_result

    @keyword
    def the_supervisor(self) -> int:
        """The process that supervises the cluster now, by its pid; it fails when there is none."""
        if not self.stage.supervision.is_running():
            raise AssertionError("the supervisor was gone, should run")
        return self.stage.supervision.pid()

    @keyword
    def kill_the_supervisor(self) -> None:
        """Kill -9 the supervisor, and see that it is gone."""
        pid = self.the_supervisor()
        handle = os.pidfd_open(pid)  # from here on no other process can be meant
        try:
            words = Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8").split("\0")
            if "supervise" not in words or str(self.stage.lab.config_path) not in words:
                raise AssertionError(f"process {pid} was '{' '.join(words)}', should be this cluster's supervisor")
            signal.pidfd_send_signal(handle, signal.SIGKILL)
        finally:
            os.close(handle)
        supervision = self.stage.supervision
        wait_until("a supervisor", supervision.is_running, lambda runs: not runs, timedelta(seconds=5), "False")

    @keyword
    def end_the_supervisor(self) -> None:
        """Let nobody supervise the cluster any more; it runs on."""
        self.stage.supervision.end()

    @keyword
    def supervisor_should_report(self, node: NodeName, reason: str, within: timedelta) -> None:
        """The supervisor's reason for a node's state contains this text within a time."""
        wait_until(
            f"what the supervisor says of {node}",
            lambda: self.stage.supervision.states().get(node, {}).get("reason", "nothing"),
            lambda said: reason in said,
            within,
            reason,
        )

    @keyword
    def note_the_moment(self) -> None:
        """From now on repairs count, for `Nothing Should Have Been Repaired` and `Repairs Should Have Been At Most`."""
        self._moment = time.monotonic()

    @keyword
    def nothing_should_have_been_repaired(self) -> None:
        """Since `Note The Moment` the supervisor decided on no repair."""
        self.repairs_should_have_been_at_most(0)

    @keyword
    def repairs_should_have_been_at_most(self, count: int) -> None:
        """Since `Note The Moment` the supervisor decided on this many repairs at most."""
        decided = [event for event in self._events("decided") if event["monotonic"] >= self._moment]
        repairs = [f"{event['node']}: {event['action']}: {event['reason']}" for event in decided]
        logger.info(f"repairs: {repairs}")
        if len(repairs) > count:
            raise AssertionError(f"the repairs were {repairs}, should be {count} at most")

    @keyword
    def link_flaps(self, node: NodeName, times: int, down: timedelta, up: timedelta) -> None:
        """A node's cluster link goes down and comes up again, so many times; it is up at the end."""
        self.need(Ability.UNPLUG)
        for _ in range(times):
            with inject(self.stage.lab, FaultKind.UNPLUGGED, node, duration=down.total_seconds()):
                time.sleep(down.total_seconds())
            time.sleep(up.total_seconds())

    @keyword
    def node_should_stay_without_ray(self, node: NodeName, lasting: timedelta) -> None:
        """No raylet runs on a node, and none begins for as long as this, by its process table."""
        until = time.monotonic() + lasting.total_seconds()
        while time.monotonic() < until:
            raylets = self.stage.lab.run(node, ["ps", "-C", "raylet", "-o", "pid="]).stdout.split()
            if raylets:
                raise AssertionError(f"the raylets on {node} were {raylets}, should be none")
            time.sleep(POLL_SECONDS)

    @keyword
    def write_into_the_configuration(self, worker: Host) -> None:
        """Put a worker ``host`` into the configuration file as an editor would, and start nothing."""
        if not self.stage.cluster.config.add_worker_ssh_host(str(worker), 22):
            raise AssertionError(f"{worker} was in the configuration already, should be new")

    def _last(self) -> Background:
        if not self._begun:
            raise AssertionError("no operation runs beside the suite; say 'Begin Operation' first")
        return self._begun[-1]

    def _events(self, kind: str) -> list[dict[str, Any]]:
        return [event for event in self.stage.operations.journal.last(EVENTS) if event["event"] == kind]
