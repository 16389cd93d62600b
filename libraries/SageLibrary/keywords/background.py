"""Keywords for operations that run beside the suite, and are let end or killed half-way."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from robot.api import logger
from robot.api.deco import keyword

from sage_cluster import NodeResult, OperationResult
from SageLibrary.context import Stage
from SageLibrary.keywords.component import Component
from SageLibrary.recording.verdict import InconclusiveError
from SageLibrary.report.log import links
from SageLibrary.waiting import stretched, wait_until

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


class BackgroundKeywords(Component):
    """Operations in the background.

    What was begun must be let end or killed; `End Every Operation` does it in any case.
    """

    def __init__(self, stage: Stage) -> None:
        super().__init__(stage)
        self._begun: list[Background] = []

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
        files = {"result": f"operations/{answer.name}", "progress": f"operations/{progress.name}"}
        logger.info(links(f"process {process.pid}", files), html=True)

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
        logger.info(operation.said())
        return self.keep(operation.result())

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

    def _last(self) -> Background:
        if not self._begun:
            raise AssertionError("no operation runs beside the suite; say 'Begin Operation' first")
        return self._begun[-1]
