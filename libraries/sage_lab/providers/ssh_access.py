"""Commands on a machine over SSH, on one connection that stays open, as its user or as root."""

from __future__ import annotations

import contextlib
import shlex
import socket
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass
from pathlib import Path

import paramiko

from sage_lab.errors import CommandTimeoutError, LabError, MachineError, NodeStateError, UnsupportedError
from sage_lab.machine import commands
from sage_lab.model import Become, Completed

_GRACE = 5.0
_KILLED = 137
_STATUS = 'exec 3>&2 2>/dev/null; "$@" 2>&3 3>&-; exit $?'
"""Hands the command's status on; what the shell itself says of a signal goes nowhere."""
_SIZES = "cat /proc/meminfo; df --block-size=1 --output=used,size /"
_MOST_SESSIONS = 8  # OpenSSH allows ten on a connection unless told otherwise


@dataclass(frozen=True)
class Access:
    """How a machine is reached: the name of the node, where it listens, and who logs in with which key."""

    node: str
    address: str
    port: int
    user: str
    key: str
    known_hosts: str
    become: Become = "sudo"
    patience: float = 10.0
    """Seconds that each step of a login may take."""


class SshAccess:
    """The connection to one machine; may be used from several threads."""

    def __init__(self, access: Access) -> None:
        self.access = access
        self._lock = threading.Lock()
        self._sessions = threading.Semaphore(_MOST_SESSIONS)
        self._clients: dict[str, paramiko.SSHClient] = {}

    def run(
        self, argv: Sequence[str], *, root: bool = False, timeout: float = 30.0, stdin: str | None = None
    ) -> Completed:
        """Run a command; a failing one is no error.

        ``timeout`` is in seconds; CommandTimeoutError when it is over, and the command's process group was
        killed there. NodeStateError when the machine does not answer, MachineError when it does not let us in,
        UnsupportedError when nobody can be root there.
        """
        if root and self.access.become == "none":
            raise UnsupportedError(
                "a command of root is not possible: the inventory says 'become: none'",
                where=self.access.node,
                fix="allow the user sudo without a password there, and write 'become: sudo'",
            )
        user = "root" if root and self.access.become == "login" else self.access.user
        line = shlex.join(self._command(argv, root=root, user=user, timeout=timeout))
        with self._sessions:
            return self._execute(user, line, argv, timeout, stdin)

    def close(self) -> None:
        """Close the connections; the next command opens them again."""
        with self._lock:
            for client in self._clients.values():
                client.close()
            self._clients.clear()

    def _command(self, argv: Sequence[str], *, root: bool, user: str, timeout: float) -> list[str]:
        # The machine itself ends the command in time, even when the connection is gone.
        bounded = ["env", f"PATH={commands.PATH}", "timeout", "--signal=KILL", f"{max(0.1, timeout):.3f}", *argv]
        if root and user != "root":
            bounded = ["sudo", "-n", "-H", "--", *bounded]
        # Of a command that a signal ended SSH tells no status: a shell does.
        return ["sh", "-c", _STATUS, "sh", *bounded]

    def _execute(self, user: str, line: str, argv: Sequence[str], timeout: float, stdin: str | None) -> Completed:
        started = time.monotonic()
        channel = self._session(user)
        try:
            channel.exec_command(line)
            with ThreadPoolExecutor(max_workers=2) as pool:
                out = pool.submit(channel.makefile("rb").read)
                err = pool.submit(channel.makefile_stderr("rb").read)
                try:
                    self._feed(channel, stdin, timeout + _GRACE)
                    said = [self._text(one, started + timeout + _GRACE) for one in (out, err)]
                    status = self._status(channel, started + timeout + _GRACE)
                finally:
                    channel.close()  # ends both readers
        # The connection stays, for others may be using it; one that has died is replaced by the next command.
        except (FutureTimeoutError, TimeoutError) as error:
            raise CommandTimeoutError.on(
                self.access.node, argv, timeout, unsure="; the machine did not confirm it"
            ) from error
        except (OSError, EOFError, paramiko.SSHException) as error:
            raise self._silent(error) from error
        if status == -1:
            raise self._silent(ConnectionError("the connection ended before the command"))
        if status == _KILLED and time.monotonic() - started >= timeout:
            raise CommandTimeoutError.on(self.access.node, argv, timeout)
        return Completed(tuple(argv), status, said[0], said[1])

    def sizes(self, *, timeout: float = 10.0) -> dict[str, tuple[int, int]]:
        """``memory`` and ``disk``: the bytes in use, and how many there are. Raises what ``run`` raises."""
        said = self.run(["sh", "-c", _SIZES], timeout=timeout).stdout.split()
        total, free = (int(said[said.index(word) + 1]) * 1024 for word in ("MemTotal:", "MemAvailable:"))
        return {"memory": (total - free, total), "disk": (int(said[-2]), int(said[-1]))}

    @staticmethod
    def _feed(channel: paramiko.Channel, stdin: str | None, seconds: float) -> None:
        """Send the input. A command may end without reading it; a dead connection shows when its status is read."""
        channel.settimeout(seconds)
        with contextlib.suppress(OSError):
            channel.sendall((stdin or "").encode())
            channel.shutdown_write()
        channel.settimeout(None)

    @staticmethod
    def _text(read: Future[bytes], until: float) -> str:
        return read.result(max(0.1, until - time.monotonic())).decode(errors="replace")

    @staticmethod
    def _status(channel: paramiko.Channel, until: float) -> int:
        if not channel.status_event.wait(max(0.1, until - time.monotonic())):
            raise TimeoutError
        return channel.exit_status

    def _session(self, user: str) -> paramiko.Channel:
        """A session on the open connection; on a new one when that has died meanwhile."""
        for _ in range(2):
            client = self._client(user)
            transport = client.get_transport()
            try:
                if transport is not None:
                    return transport.open_session(timeout=self.access.patience)
            except (OSError, EOFError, paramiko.SSHException):
                client.close()
            with self._lock:
                if self._clients.get(user) is client:
                    del self._clients[user]
        raise self._silent(ConnectionError("two connections in a row broke before a command could be sent"))

    def _client(self, user: str) -> paramiko.SSHClient:
        with self._lock:
            client = self._clients.get(user)
            transport = client.get_transport() if client else None
            if client is None or transport is None or not transport.is_active():
                client = self._clients[user] = self._connect(user)
            return client

    def _connect(self, user: str) -> paramiko.SSHClient:
        access = self.access
        client = paramiko.SSHClient()
        try:
            client.load_host_keys(access.known_hosts)
            client.set_missing_host_key_policy(paramiko.RejectPolicy())
            client.connect(
                access.address,
                access.port,
                username=user,
                key_filename=access.key,
                allow_agent=False,
                look_for_keys=False,
                timeout=access.patience,
                banner_timeout=access.patience,
                auth_timeout=access.patience,
            )
            transport = client.get_transport()
            if transport is not None:
                transport.set_keepalive(5)
        except (OSError, EOFError, paramiko.SSHException) as error:
            client.close()
            raise self._refused(error, user) from error
        return client

    def _refused(self, error: Exception, user: str) -> LabError:
        access = self.access
        where = f"{access.node}, {access.address}:{access.port}"
        if isinstance(error, paramiko.BadHostKeyException):
            return MachineError(
                "its host key is not the one that is known",
                where=where,
                fix=f"find out why; if it was changed rightly, correct {access.known_hosts}",
            )
        if isinstance(error, paramiko.AuthenticationException):
            return MachineError(
                f"user {user} is not accepted with {access.key}",
                where=where,
                fix=f"add its public half to ~{user}/.ssh/authorized_keys there, see that sshd lets {user} in "
                "(PermitRootLogin, AllowUsers), or correct the inventory",
            )
        if "not found in known_hosts" in str(error):
            return MachineError(
                "its host key is not known",
                where=f"{where}, {access.known_hosts}",
                fix=f"compare the fingerprint, then: ssh-keyscan -p {access.port} {access.address} >> the file above",
            )
        if isinstance(error, FileNotFoundError | PermissionError):
            missing = [path for path in (access.key, access.known_hosts) if not Path(path).is_file()]
            return MachineError(f"cannot read {', '.join(missing) or error}", where=where, fix="correct the inventory")
        if isinstance(error, socket.gaierror):
            return MachineError(
                f"its name does not resolve: {error.strerror}", where=where, fix="give its address as 'host'"
            )
        return self._silent(error)

    def _silent(self, error: Exception) -> NodeStateError:
        return NodeStateError(
            f"does not answer over SSH: {error or type(error).__name__}",
            where=f"{self.access.node}, {self.access.address}:{self.access.port}",
            fix="see whether it is on, and whether its SSH server listens there",
        )
