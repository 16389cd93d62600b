"""A manager that lives long: a process of its own, which does one operation after another as it is told.

`python -m SageLibrary.stress.long_manager CONFIG` reads an operation a line from stdin, and answers with a line each.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Self, TextIO

from sage_cluster import ClusterManager, ConfigManager
from SageLibrary.stress.model import Deed, Operation
from SageLibrary.stress.performer import Outcome, perform

WAIT_SECONDS = 180.0
"""How long it waits for its turn: the supervisor's repairs are operations too."""
ANSWER_SECONDS = 600.0
END_SECONDS = 15.0


class LongManager:
    """The other end of it. Leaving its context ends the process."""

    def __init__(self, config_path: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", __spec__.name, str(config_path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )

    @property
    def pid(self) -> int:
        """Its process."""
        return self._process.pid

    def perform(self, operation: Operation) -> Outcome:
        """Let it do one operation. Raises AssertionError when it is gone, or does not answer in time."""
        assert self._process.stdin  # noqa: S101 - for the type checker
        assert self._process.stdout  # noqa: S101
        late = threading.Timer(ANSWER_SECONDS, self._process.kill)
        late.start()
        try:
            self._process.stdin.write(json.dumps([operation.deed, operation.worker, operation.value]) + "\n")
            answer = self._process.stdout.readline()
        except BrokenPipeError:
            answer = ""
        finally:
            late.cancel()
        if not answer:
            raise AssertionError(
                f"the manager ended with status {self._process.wait()} in '{operation}', "
                f"should answer within {ANSWER_SECONDS:g} s"
            )
        return Outcome(*json.loads(answer))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        assert self._process.stdin  # noqa: S101 - for the type checker
        self._process.stdin.close()
        try:
            self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def serve(config_path: Path, orders: Iterable[str], answers: TextIO) -> None:
    """Do what each line orders, until there are no more."""
    manager = ClusterManager(ConfigManager(config_path), report=lambda *_: None)
    for line in orders:
        deed, worker, value = json.loads(line)
        outcome = perform(manager, Operation(Deed(deed), worker, value), WAIT_SECONDS)
        answers.write(json.dumps([outcome.success, outcome.said]) + "\n")
        answers.flush()
    manager.close()


if __name__ == "__main__":
    serve(Path(sys.argv[1]), sys.stdin, sys.stdout)
