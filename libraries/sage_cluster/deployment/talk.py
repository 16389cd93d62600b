"""The controller's end of a deployment's conversation with one node."""

from __future__ import annotations

import json
import time
from collections import deque
from contextlib import suppress
from functools import cache
from importlib.resources import files
from types import TracebackType
from typing import Any, Self

from sage_cluster.errors import CommandTimeoutError, ConnectionLostError, NodeError, StaleConnectionError
from sage_cluster.nodes.program import ANSWER, LOADER, READ_PROGRAM
from sage_cluster.nodes.ray_node import RayNode
from sage_cluster.ssh.connection import BROKEN, SshStream
from sage_cluster.ssh.pool import SshPool

MODULES = (
    "sessions",
    "environment",
    "deploy_environ",
    "deploy_store",
    "deploy_talk",
    "deploy_install",
    "deploy_facts",
    "deploy",
    "deploy_main",
)
ENTRANCE = {"deploy_main": "main"}  # what the loader looks for
SILENCE_SECONDS = 12.0  # a node that works sends a beat every two seconds
POLL_SECONDS = 0.5
LAST_WORDS_SECONDS = 2.0


@cache
def program() -> str:
    """The node-side modules as one Python program, for the node's own Python; nothing is installed there."""
    package = files("sage_cluster.on_node")
    sources = [
        (f"sage_cluster.on_node.{ENTRANCE.get(name, name)}", package.joinpath(f"{name}.py").read_text("utf-8"))
        for name in MODULES
    ]
    return LOADER.format(sources=sources, answer=ANSWER)


class NodeTalk:
    """A command that runs on a node over its kept connection, and with which messages are exchanged.

    Every method raises NodeError with the node's own words, ConnectionLostError after SILENCE_SECONDS without a sign
    of life, or CommandTimeoutError when ``timeout`` seconds are over. Use it in a ``with`` statement.
    """

    def __init__(self, pool: SshPool, node: RayNode, command: str, spec: dict[str, Any], timeout: float) -> None:
        self._pool = pool
        self._node = node
        self._timeout = timeout
        self._deadline = time.monotonic() + timeout
        self._heard_at = time.monotonic()
        self._heard: deque[dict[str, Any]] = deque()
        text = program()
        specification = json.dumps({**node.spec, **spec, "timeout": timeout})
        size = str(len(text.encode()))
        argv = [node.spec["python"], "-I", "-S", "-u", "-c", READ_PROGRAM, size, command, specification]
        self._stream = self._open(argv)
        self.bytes_sent = 0
        self._send(text)
        self.bytes_sent = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(*BROKEN):  # a socket that broke needs no farewell
            self._stream.close()
        if isinstance(error, ConnectionLostError):
            self._pool.drop(self._node.target)

    def say(self, **message: Any) -> None:  # noqa: ANN401
        """Send a message."""
        self._send(json.dumps(message) + "\n")

    def hear(self, *keys: str) -> dict[str, Any]:
        """The next message that has one of these keys."""
        while True:
            while self._heard:
                message = self._heard.popleft()
                if not message.keys().isdisjoint(keys):
                    return message
            self._listen()

    def answer(self) -> dict[str, Any]:
        """The command's answer, at its end."""
        answer: dict[str, Any] = self.hear("answer")["answer"]
        return answer

    def _send(self, text: str) -> None:
        if time.monotonic() > self._deadline:
            raise self._late()
        try:
            self._stream.send(text)
        except BROKEN as error:
            self._last_words()
            raise self._lost(error) from error
        except ConnectionLostError:
            self._last_words()
            raise
        self.bytes_sent += len(text.encode())

    def _listen(self) -> None:
        """Take in what came, perhaps nothing yet. A line that is no message is what a login script says."""
        try:
            lines = self._stream.lines(POLL_SECONDS)
        except BROKEN as error:
            raise self._lost(error) from error
        now = time.monotonic()
        if lines:
            self._heard_at = now
        elif now - self._heard_at > SILENCE_SECONDS:
            raise ConnectionLostError(
                f"the node gave no sign of life for {SILENCE_SECONDS:g} s",
                where=self._node.name,
                fix="see whether the node is up and its network is whole, then deploy again: what arrived is kept",
            )
        elif now > self._deadline:
            raise self._late()
        for line in lines:
            if line.startswith(ANSWER):
                answer = json.loads(line.removeprefix(ANSWER))
                if "problem" in answer:
                    raise NodeError(answer["problem"], where=self._node.name)
                self._heard.append({"answer": answer})
            elif line.startswith("{"):
                self._heard.append(json.loads(line))

    def _last_words(self) -> None:
        """A node that ended says why before the connection's end is seen. Raises NodeError if it did."""
        until = time.monotonic() + LAST_WORDS_SECONDS
        while time.monotonic() < until:
            try:
                self._listen()
            except ConnectionLostError:
                return

    def _lost(self, error: Exception) -> ConnectionLostError:
        return ConnectionLostError(
            f"the connection broke: {str(error) or 'it ended'}",
            where=self._node.name,
            fix="see whether the node is up and its network is whole, then deploy again: what arrived is kept",
        )

    def _late(self) -> CommandTimeoutError:
        return CommandTimeoutError(
            f"the deployment did not end within {self._timeout:g} s",
            where=self._node.name,
            fix="deploy again: what arrived is kept; or allow more time (deploy.timeout)",
        )

    def _open(self, argv: list[str]) -> SshStream:
        try:
            return self._pool.connection(self._node.target).stream(argv)
        except StaleConnectionError:
            self._pool.drop(self._node.target)
            return self._pool.connection(self._node.target).stream(argv)
