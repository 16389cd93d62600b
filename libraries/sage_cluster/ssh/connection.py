"""One SSH connection to one node, and commands on it, each with a deadline.

Where paramiko waits without one, the connection is shut down when the time is over (`sage_cluster.ssh.watchdog`): a
node that does not answer the protocol itself in time has no connection that could still be used.
"""

from __future__ import annotations

import contextlib
import select
import shlex
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import paramiko

from sage_cluster.errors import CommandTimeoutError, ConnectionLostError, StaleConnectionError
from sage_cluster.ssh.host_keys import known_name
from sage_cluster.ssh.text import printable
from sage_cluster.ssh.transport import BROKEN, shut
from sage_cluster.ssh.watchdog import Watchdog, within

MARGIN_SECONDS = 5.0
TRAILING_SECONDS = 1.0
SESSIONS_PER_CONNECTION = 8  # sshd allows 10 (MaxSessions in sshd_config(5))
OUTPUT_BYTES = 10_000_000
LINE_BYTES = 10_000_000
TIMED_OUT = 124  # exit status of timeout(1)
KILLED = -1  # what paramiko gives for a command that a signal ended, and for one whose connection broke


@dataclass(frozen=True)
class Target:
    """Where a node's sshd listens."""

    host: str
    port: int = 22

    def __str__(self) -> str:
        return known_name(self.host, self.port)


@dataclass(frozen=True)
class CommandResult:
    """A command that ended. ``truncated``: over OUTPUT_BYTES came, the rest was dropped. Seconds in ``elapsed``.

    ``returncode`` is -1 when a signal ended the command.
    """

    target: Target
    argv: tuple[str, ...]
    returncode: int
    stdout: str
    stderr: str
    elapsed: float
    truncated: bool = False


class SshConnection:
    """An authenticated connection; many commands may run on it at once. Made by `open_connection`."""

    def __init__(self, target: Target, transport: paramiko.Transport, answer_timeout: float) -> None:
        """``answer_timeout``: seconds that the node may take to answer a request of the protocol."""
        self.target = target
        self.answer_timeout = answer_timeout
        self._transport = transport
        self._sessions = threading.BoundedSemaphore(SESSIONS_PER_CONNECTION)

    @property
    def is_open(self) -> bool:
        """Whether the connection is believed to work."""
        return self._transport.is_active()

    @property
    def peer_address(self) -> str:
        """The node's address at the other end of the connection."""
        return str(self._transport.getpeername()[0])

    def close(self) -> None:
        """Close it; running commands fail with ConnectionLostError."""
        self.abort()  # its thread notices this at once, a close only when it wakes up
        self._transport.close()

    def abort(self) -> None:
        """Break the connection, without waiting for anything: whoever uses it gets an error."""
        shut(self._transport.sock)

    def run(
        self,
        argv: Sequence[str],
        *,
        timeout: float,
        stdin: str = "",
        on_output: Callable[[str], None] | None = None,
    ) -> CommandResult:
        """Run a command to its end and return all it wrote; ``on_output`` gets standard output as it comes.

        The deadline of ``timeout`` seconds holds on the node too (timeout(1)), so that nothing is left behind there
        even if the connection breaks. Raises CommandTimeoutError, ConnectionLostError; StaleConnectionError when
        the command did not begin.
        """
        began = time.monotonic()
        words = ("timeout", "--kill-after=2", f"{timeout:g}", *argv)
        with self._session(argv, timeout), within(timeout + MARGIN_SECONDS + 1, self.abort) as watchdog:
            channel = self._open_channel(timeout)
            channel.settimeout(timeout)
            try:
                channel.exec_command(shlex.join(words).encode())
                channel.sendall(stdin.encode())
                channel.shutdown_write()
                reader = _Reader(channel, began + timeout + MARGIN_SECONDS, on_output)
                ended = reader.read()
            except BROKEN as error:
                if watchdog.passed:
                    raise self._late(argv, timeout, "the node did not answer the request to run it") from error
                raise self.lost(error) from error
            finally:
                with contextlib.suppress(*BROKEN):
                    channel.close()
        elapsed = time.monotonic() - began
        returncode = channel.recv_exit_status() if ended and channel.exit_status_ready() else None
        if returncode == TIMED_OUT or not ended:
            raise self._late(argv, timeout, f"last output: {reader.tail()}")
        if returncode is None or (returncode == KILLED and not self.is_open):
            raise self.lost("the connection closed before the command ended")
        return CommandResult(
            self.target,
            tuple(argv),
            returncode,
            reader.text("stdout"),
            reader.text("stderr"),
            elapsed,
            reader.truncated,
        )

    def stream(self, argv: Sequence[str]) -> SshStream:
        """Begin a command that runs on, to talk with it line by line. Raises ConnectionLostError."""
        with within(self.answer_timeout + 1, self.abort):
            channel = self._open_channel(self.answer_timeout)
            try:
                channel.exec_command(shlex.join(argv).encode())
            except BROKEN as error:
                raise self.lost(error) from error
        return SshStream(self, channel)

    @contextlib.contextmanager
    def _session(self, argv: Sequence[str], timeout: float) -> Iterator[None]:
        if not self._sessions.acquire(timeout=timeout):
            raise self._late(argv, timeout, f"it did not begin: {SESSIONS_PER_CONNECTION} other commands run")
        try:
            yield
        finally:
            self._sessions.release()

    def _late(self, argv: Sequence[str], timeout: float, what: str) -> CommandTimeoutError:
        return CommandTimeoutError(
            f"'{shlex.join(argv)[:200]}' did not end within {timeout:g} s; {what}",
            where=str(self.target),
            fix="look at the node's load and network, or allow more time (ssh.command_timeout)",
        )

    def _open_channel(self, timeout: float) -> paramiko.Channel:
        try:
            return self._transport.open_session(timeout=timeout)
        except BROKEN as error:
            raise self.lost(error, StaleConnectionError) from error

    def lost(self, reason: object, kind: type[ConnectionLostError] = ConnectionLostError) -> ConnectionLostError:
        """The error for this connection having broken."""
        return kind(
            f"the connection broke: {printable(str(reason)) or type(reason).__name__}",
            where=str(self.target),
            fix="see whether the node is up and its network is whole, then try again",
        )


class SshStream:
    """A command that runs on: send to it, and read what it writes, line by line. Closing it ends its input."""

    def __init__(self, connection: SshConnection, channel: paramiko.Channel) -> None:
        self._connection = connection
        self._channel = channel
        self._rest: list[bytes] = []
        self._rest_bytes = 0

    def send(self, text: str) -> None:
        """Write to the command. Raises ConnectionLostError."""
        seconds = self._connection.answer_timeout
        self._channel.settimeout(seconds)
        try:
            with self._bounded(seconds):
                self._channel.sendall(text.encode())
        except BROKEN as error:
            raise self._connection.lost(error) from error

    def lines(self, timeout: float) -> list[str]:
        """The lines that came by now, or within ``timeout`` seconds, perhaps none. ConnectionLostError at the end."""
        self._channel.settimeout(timeout)
        try:
            with self._bounded(timeout):
                chunk = self._channel.recv(65536)
        except TimeoutError:
            return []
        except BROKEN as error:
            raise self._connection.lost(error) from error
        if not chunk:
            said = self._channel.recv_stderr(2000).decode(errors="replace") if self._channel.recv_stderr_ready() else ""
            raise self._connection.lost(said.strip() or "the command ended")
        *whole, rest = chunk.split(b"\n")
        if whole:
            whole[0] = b"".join([*self._rest, whole[0]])
            self._rest, self._rest_bytes = [], 0
        self._rest.append(rest)
        self._rest_bytes += len(rest)
        if self._rest_bytes > LINE_BYTES:
            raise self._connection.lost(f"the command wrote a line of more than {LINE_BYTES:,} bytes")
        return [line.decode(errors="replace") for line in whole]

    def close(self) -> None:
        """Close it; the connection stays open. Broken already is no error."""
        with contextlib.suppress(*BROKEN), self._bounded(0.0):
            self._channel.close()

    def _bounded(self, seconds: float) -> contextlib.AbstractContextManager[Watchdog]:
        return within(seconds + self._connection.answer_timeout, self._connection.abort)


class _Reader:
    """Reads both outputs of a channel until the command has ended, up to a cap, or until a deadline."""

    def __init__(self, channel: paramiko.Channel, deadline: float, on_output: Callable[[str], None] | None) -> None:
        self._channel = channel
        self._deadline = deadline
        self._on_output = on_output
        self._parts: dict[str, bytearray] = {"stdout": bytearray(), "stderr": bytearray()}
        self.truncated = False

    def read(self) -> bool:
        """True when the command ended, False at the deadline."""
        poll = select.poll()
        poll.register(self._channel.fileno(), select.POLLIN)
        ended_at = None
        while True:
            busy = self._take()
            now = time.monotonic()
            if now >= self._deadline:
                return False
            if self._channel.eof_received or self._channel.closed:
                self._channel.status_event.wait(self._deadline - now)
                while self._take() and time.monotonic() < self._deadline:
                    pass
                return self._channel.status_event.is_set()
            if self._channel.exit_status_ready():
                # A child in the background may hold the output open for ever: what comes late is not waited for.
                ended_at = ended_at or now
                if now >= ended_at + TRAILING_SECONDS:
                    return True
            if not busy:
                until = min(self._deadline, (ended_at or now) + TRAILING_SECONDS)
                poll.poll(max(1.0, (until - now) * 1000))

    def text(self, stream: str) -> str:
        return self._parts[stream].decode(errors="replace")

    def tail(self) -> str:
        said = (self.text("stderr") or self.text("stdout")).strip().splitlines()
        return f"'{printable(said[-1][-200:])}'" if said else "none"

    def _take(self) -> bool:
        """Take one piece of each output. False when nothing had come."""
        out, err = self._channel.recv_ready(), self._channel.recv_stderr_ready()
        if out:
            chunk = self._channel.recv(65536)
            self._keep("stdout", chunk)
            if self._on_output:
                self._on_output(chunk.decode(errors="replace"))
        if err:
            self._keep("stderr", self._channel.recv_stderr(65536))
        return out or err

    def _keep(self, stream: str, chunk: bytes) -> None:
        room = OUTPUT_BYTES - len(self._parts[stream])
        self._parts[stream] += chunk[:room]
        self.truncated = self.truncated or len(chunk) > room
