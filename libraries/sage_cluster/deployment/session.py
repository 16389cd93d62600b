"""What a deployment does with one node, and the conversation in which it does it.

Ask what the node is, send what it lacks, let it switch or go back.
"""

from __future__ import annotations

import base64
import json
from collections import deque
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Self, TypeVar, cast

from sage_cluster.deployment.package import Package, PackageFile
from sage_cluster.errors import CommandTimeoutError, ConnectionLostError
from sage_cluster.nodes.answers import answer_of, checked, find_answer, new_nonce
from sage_cluster.nodes.program import ANSWER, command_line
from sage_cluster.nodes.spec import RayNode
from sage_cluster.on_node.deploy.deploy import deploy, rollback
from sage_cluster.on_node.deploy.facts import facts
from sage_cluster.on_node.protocol import Deployed, DeployMessage, DeploySpec, Facts, NodeSpec, RollbackSpec
from sage_cluster.ssh.pool import SshPool
from sage_cluster.waiting import Deadline

FACTS_SECONDS = 60.0
SHOWN_FILES = 20
REPORT_SECONDS = 1.0
SILENCE_SECONDS = 12.0  # a node that works sends a heartbeat every two seconds
POLL_SECONDS = 0.5
FINAL_OUTPUT_SECONDS = 2.0
Spec = TypeVar("Spec", bound=NodeSpec)


class DeploymentNodes:
    """Works with nodes over the pool. Every method raises SshError, or NodeError with the node's own words."""

    def __init__(self, pool: SshPool) -> None:
        self._pool = pool

    def facts(self, node: RayNode) -> Facts:
        """What Ray's Python is there."""
        with NodeSession(self._pool, node, facts, node.spec, FACTS_SECONDS) as session:
            return cast(Facts, session.answer())

    def rollback(self, node: RayNode, timeout: float) -> Deployed:
        """Switch to the release before the current one."""
        spec: RollbackSpec = {**node.spec, "timeout": timeout}
        with NodeSession(self._pool, node, rollback, spec, timeout) as session:
            return cast(Deployed, session.answer())

    def deploy(
        self,
        node: RayNode,
        package: Package,
        *,
        keep: int,
        timeout: float,
        report: Callable[[str, str], None],
        dry_run: bool = False,
    ) -> dict[str, Any]:
        """Send what the node lacks, have it installed and tried, and switch; with ``dry_run`` only ask what it lacks.

        The answer is that of `sage_cluster.on_node.deploy.deploy.deploy`, with ``package``, ``files_sent``,
        ``files_skipped``, ``bytes_sent`` (as sent, compressed and encoded; for a dry run those of the files) and the
        first SHOWN_FILES paths that were ``sent``.
        """
        by_digest: dict[str, PackageFile] = {}
        for file in package.files:
            by_digest.setdefault(file.digest, file)
        spec: DeploySpec = {**node.spec, "keep": keep, "dry_run": dry_run, "timeout": timeout}
        with NodeSession(self._pool, node, deploy, spec, timeout) as session:
            session.send(**package.manifest())
            lacking = [by_digest[digest] for digest in session.receive("lacking")["lacking"] if digest in by_digest]
            paths = {file.path for file in package.files if file.digest in {one.digest for one in lacking}}
            sent: dict[str, Any] = {
                "package": package.name,
                "files_sent": len(paths),
                "files_skipped": len(package.files) - len(paths),
                "sent": sorted(paths)[:SHOWN_FILES],
            }
            if dry_run:
                return {**session.answer(), **sent, "bytes_sent": sum(file.size for file in lacking)}
            session.bytes_sent = 0
            if lacking:
                _send_files(session, lacking, lambda phase: report(node.name, phase))
            sent["bytes_sent"] = session.bytes_sent
            report(node.name, "installing" if lacking else "checking")
            said = session.receive("ready", "answer")
            if "ready" in said:
                session.send(switch=True)
                said = session.receive("answer")
            return {**said["answer"], **sent}


class NodeSession:
    """A command that runs on a node over its kept connection, and with which messages are exchanged.

    Every method raises NodeError with the node's own words, ConnectionLostError after SILENCE_SECONDS without a
    heartbeat, or CommandTimeoutError when ``timeout`` seconds are over. Use it in a ``with`` statement.
    """

    def __init__(
        self, pool: SshPool, node: RayNode, command: Callable[[Spec], object], spec: Spec, timeout: float
    ) -> None:
        self._pool = pool
        self._node = node
        self._timeout = timeout
        self._deadline = Deadline(timeout)
        self._silence = Deadline(SILENCE_SECONDS)
        self._received: deque[dict[str, Any]] = deque()
        self._command = command
        self._answer, self._message = new_nonce(), new_nonce()
        told = {**spec, "message_frame": f"{ANSWER}{self._message}"}
        self._stream = pool.stream(node.target, command_line(node.spec["python"], command, told, self._answer))
        self.bytes_sent = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stream.close()
        if isinstance(error, ConnectionLostError):
            self._pool.drop(self._node.target)

    def send(self, **message: Any) -> None:  # noqa: ANN401
        """Send a message."""
        self._write(json.dumps(message) + "\n")

    def receive(self, *keys: str) -> dict[str, Any]:
        """The next message that has one of these keys."""
        while True:
            while self._received:
                message = self._received.popleft()
                if not message.keys().isdisjoint(keys):
                    return message
            self._read()

    def answer(self) -> dict[str, Any]:
        """The command's answer, at its end."""
        answer: dict[str, Any] = self.receive("answer")["answer"]
        return answer

    def _write(self, text: str) -> None:
        if self._deadline.passed():
            raise self._late()
        try:
            self._stream.send(text)
        except ConnectionLostError:
            self._final_output()
            raise
        self.bytes_sent += len(text.encode())

    def _read(self) -> None:
        """Read what came, perhaps nothing yet. A line that is no message is what a login script says."""
        lines = self._stream.lines(POLL_SECONDS)
        if lines:
            self._silence = Deadline(SILENCE_SECONDS)
        elif self._silence.passed():
            raise ConnectionLostError(
                f"the node sent no heartbeat for {SILENCE_SECONDS:g} s",
                where=self._node.name,
                fix="see whether the node is up and its network is whole, then deploy again: what arrived is kept",
            )
        elif self._deadline.passed():
            raise self._late()
        for line in lines:
            if (said := find_answer(line, self._answer)) is not None:
                self._received.append({"answer": answer_of(self._command, said, self._node.name)})
            elif (said := find_answer(line, self._message)) is not None:
                self._received.append(checked(DeployMessage, said, self._node.name))

    def _final_output(self) -> None:
        """A node that ended says why before the connection's end is seen. Raises NodeError if it did."""
        deadline = Deadline(FINAL_OUTPUT_SECONDS)
        while not deadline.passed():
            try:
                self._read()
            except ConnectionLostError:
                return

    def _late(self) -> CommandTimeoutError:
        return CommandTimeoutError(
            f"the deployment did not end within {self._timeout:g} s",
            where=self._node.name,
            fix="deploy again: what arrived is kept; or allow more time (deploy.timeout)",
        )


def _send_files(session: NodeSession, files: Sequence[PackageFile], report: Callable[[str], None]) -> None:
    """Send the files' bytes as they are in their archives, and say now and then how far it is."""
    whole = sum(file.source.packed for file in files)
    sent, next_report = 0, Deadline(REPORT_SECONDS)
    report(f"sending {len(files)} files, {whole:,} bytes")
    for number, file in enumerate(files):
        try:
            session.send(blob=file.digest, deflated=file.source.deflated)
            for chunk in file.source.chunks():
                session.send(data=base64.b64encode(chunk).decode())
                sent += len(chunk)
                if next_report.passed():
                    next_report = Deadline(REPORT_SECONDS)
                    report(f"sent {sent * 100 // whole} %")
            session.send(end=True)
        except ConnectionLostError as error:
            error.what += f"; {number} of {len(files)} files had been sent, and those that arrived need not go again"
            raise
