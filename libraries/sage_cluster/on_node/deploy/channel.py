"""The node's end of a deployment's conversation: lines of JSON from standard input and to standard output."""

from __future__ import annotations

import errno
import json
import os
import select
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import wraps
from typing import Any, TypeVar

from sage_cluster.on_node.deploy.store import DeployError

SILENCE_SECONDS = 20.0
HEARTBEAT_SECONDS = 2.0
CHUNK_BYTES = 1 << 16
Spec = TypeVar("Spec", bound="Mapping[str, Any]")
Answer = TypeVar("Answer")


class Channel:
    """Reads and writes messages; the ``frame`` begins those for the controller, which finds them by it.

    A controller that is silent for SILENCE_SECONDS is taken for gone.
    """

    def __init__(self, frame: str) -> None:
        self._frame = frame
        self._rest = b""
        self._lines: list[bytes] = []
        self._guard = threading.Lock()

    def receive(self) -> dict[str, Any]:
        """The next message. Raises DeployError when the controller is gone."""
        while not self._lines:
            ready, _, _ = select.select([0], [], [], SILENCE_SECONDS)
            if not ready:
                raise DeployError(f"the controller was silent for {SILENCE_SECONDS:g} s, so this deployment ended")
            chunk = os.read(0, CHUNK_BYTES)
            if not chunk:
                raise DeployError("the controller left, so this deployment ended")
            *lines, self._rest = (self._rest + chunk).split(b"\n")
            self._lines = lines[::-1]
        message: dict[str, Any] = json.loads(self._lines.pop())
        return message

    def send(self, **message: Any) -> None:  # noqa: ANN401
        """Send a message."""
        line = f"{self._frame}{json.dumps(message)}\n".encode()
        with self._guard:
            while line:
                line = line[os.write(1, line) :]

    @contextmanager
    def heartbeats(self) -> Iterator[None]:
        """Send a heartbeat now and then while work goes on, so that the controller can tell work from silence."""
        ended = threading.Event()

        def heartbeat() -> None:
            while not ended.wait(HEARTBEAT_SECONDS):
                try:
                    self.send(heartbeat=True)
                except OSError:
                    return

        thread = threading.Thread(target=heartbeat, daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()


def in_conversation(command: Callable[[Spec, Channel], Answer]) -> Callable[[Spec], Answer]:
    """Let a command exchange messages with the controller as it works; an error of the system is a DeployError."""

    @wraps(command)
    def conversing(spec: Spec) -> Answer:
        channel = Channel(spec["message_frame"])
        try:
            with channel.heartbeats():
                return command(spec, channel)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                problem = f"the disk is full ({error.filename or error.strerror}); make room"
            else:
                problem = f"{error.filename or 'this node'}: {error.strerror or error}"
            raise DeployError(problem) from error

    return conversing
