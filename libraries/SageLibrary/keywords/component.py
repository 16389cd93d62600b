"""What every group of keywords has: the stage, and the few things that more than one of them does with it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from robot.api import SkipExecution, logger

from sage_cluster import OperationResult
from sage_lab import Capability, Completed
from SageLibrary.context import Stage
from SageLibrary.report.log import links

EVENTS = 2000
"""How far back the journal is looked through."""
SHORT = 2000
"""How much of a command's output stands in the log itself."""
SHELL_SECONDS = 60.0


class Component:
    """A part of the library."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage

    def need(self, capability: Capability) -> None:
        """Skip the test, with the reason, when the machines of this lab cannot do it."""
        if reason := self.stage.lab.unsupported_reason(capability):
            raise SkipExecution(f"this lab's machines have no '{capability.value}': {reason}")

    def keep(self, result: OperationResult) -> OperationResult:
        """Log the result of an operation, and let the expectations that follow judge it."""
        self.stage.last_result = result
        logger.info(json.dumps(result.to_dict(), indent=2, default=str))
        return result

    def last_result(self) -> OperationResult:
        """The result that was kept last. AssertionError when there is none."""
        if self.stage.last_result is None:
            raise AssertionError("no operation was run yet")
        return self.stage.last_result

    def events(self, *kinds: str, since: float = 0.0) -> list[dict[str, Any]]:
        """The journal's newest events of these kinds, oldest first, from a moment on (seconds, monotonic)."""
        journal = self.stage.operations.journal.last(EVENTS)
        return [event for event in journal if event["event"] in kinds and event["monotonic"] >= since]

    def run_on(
        self, node: str, argv: Sequence[str], user: str = "root", timeout: float = 30.0, stdin: str | None = None
    ) -> Completed:
        """Run a command on a node over the lab's own path; what it writes is logged.

        ``timeout`` in seconds. Long output goes to a file that the log links.
        """
        done = self.stage.lab.run(node, argv, user=user, timeout=timeout, stdin=stdin)
        self._log_output(done, node)
        return done

    def shell_on(self, node: str, command: str, user: str = "root", timeout: float = SHELL_SECONDS) -> str:
        """The same for a line of shell, which has to end with status 0. Returns what it wrote."""
        done = self.run_on(node, ["sh", "-c", command], user, timeout)
        if done.returncode:
            raise AssertionError(
                f"'{command}' on {node} ended with status {done.returncode}, should be 0: {done.stderr.strip()}"
            )
        return done.stdout

    def _log_output(self, done: Completed, node: str) -> None:
        text = done.stdout + done.stderr
        if len(text) <= SHORT:
            logger.info(f"{node}: status {done.returncode}\n{text}")
            return
        directory = self.stage.results() / "commands"
        directory.mkdir(parents=True, exist_ok=True)
        file = directory / f"{len(list(directory.iterdir())) + 1:04d}-{node}.txt"
        file.write_text(text)
        logger.info(links(f"{node}: status {done.returncode}", {file.name: f"commands/{file.name}"}), html=True)
