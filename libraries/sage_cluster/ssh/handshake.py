"""Opening an SSH connection: reach the host, check that it is the right one, log in; each failure has its own error.

Every step has its deadline: the name and the TCP connection, the greeting, the exchange of keys, and the login with all
keys together may each take ``ssh.connect_timeout``.
"""

from __future__ import annotations

import errno
import queue
import re
import select
import socket
import threading
import time
from contextlib import AbstractContextManager, nullcontext, suppress
from functools import partial

import paramiko

from sage_cluster.config.schema import SshConfig
from sage_cluster.config.workers import SSH_PORT
from sage_cluster.errors import (
    AuthenticationError,
    ConnectionLostError,
    ConnectionRefusedByHostError,
    ConnectTimeoutError,
    SshError,
    UnknownHostError,
)
from sage_cluster.ssh.client_config import Route, route
from sage_cluster.ssh.connection import SshConnection, Target
from sage_cluster.ssh.host_keys import HostKey, KnownHosts
from sage_cluster.ssh.identities import Identities
from sage_cluster.ssh.proxy import ProxySocket
from sage_cluster.ssh.text import printable
from sage_cluster.ssh.transport import BROKEN, ClientTransport, shut
from sage_cluster.ssh.watchdog import within
from sage_cluster.waiting import Deadline

KEEPALIVE_SECONDS = 5
IDLE_SECONDS = 1.0
WAITED_SECONDS = 10.0
GREETING_BYTES = 8192  # OpenSSH's limit for a line before the greeting
UNREACHABLE = {errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ETIMEDOUT, errno.EHOSTDOWN}


def open_connection(
    target: Target, settings: SshConfig, turns: AbstractContextManager[object] | None = None
) -> SshConnection:
    """Connect and log in once, within ``settings.connect_timeout`` seconds a step.

    ``turns`` is entered for the handshake, once the host has greeted: one that does not takes no turn from others.

    Raises the SshError that fits: UnknownHostError, ConnectionRefusedByHostError, ConnectTimeoutError,
    HostKeyUnknownError, HostKeyChangedError, AuthenticationError, ConnectionLostError.
    """
    way = route(target.host, target.port, settings)
    sock = _connect(target, way, settings.connect_timeout)
    connected = time.monotonic()
    with turns or nullcontext():
        if time.monotonic() - connected > WAITED_SECONDS:
            # Its sshd counts the wait as part of the login (LoginGraceTime), and would end it in the midst.
            sock.close()
            sock = _connect(target, way, settings.connect_timeout)
        return SshConnection(target, _handshake(target, way, sock, settings), settings.connect_timeout)


def _handshake(target: Target, way: Route, sock: socket.socket, settings: SshConfig) -> paramiko.Transport:
    known_hosts = KnownHosts(*way.known_hosts)
    host, port = (way.known_as, SSH_PORT) if way.known_as else (way.host, way.port)
    transport = ClientTransport(sock, partial(known_hosts.algorithms, host, port))
    sock.settimeout(IDLE_SECONDS)  # after paramiko, which would have every idle connection wake up ten times a second
    seconds = settings.connect_timeout
    try:
        _exchange_keys(target, transport, seconds)
        shown = HostKey.of(transport.get_remote_server_key())
        known_hosts.check(host, port, shown, accept_new=settings.host_keys == "accept-new")
        _log_in(target, way, transport, seconds)
        transport.set_keepalive(KEEPALIVE_SECONDS)
    except SshError:
        _end(transport)
        raise
    except BROKEN as error:
        _end(transport)
        raise _dropped(str(target), printable(str(error)) or type(error).__name__) from error
    return transport


def _exchange_keys(target: Target, transport: ClientTransport, seconds: float) -> None:
    transport.banner_timeout = transport.handshake_timeout = transport.clear_to_send_timeout = seconds
    failure: Exception = paramiko.SSHException("the node closed the connection")
    with within(seconds, partial(shut, transport.sock)) as watchdog:
        try:
            transport.start_client(timeout=seconds + 1)
        except BROKEN as error:
            failure = error
        if transport.initial_kex_done and transport.is_active():
            return
    if not watchdog.passed:
        raise failure
    raise ConnectionLostError(
        f"the SSH handshake did not end within {seconds:g} s",
        where=str(target),
        fix="see whether the node or this machine is overloaded, or raise ssh.connect_timeout",
    )


def _end(transport: paramiko.Transport) -> None:
    shut(transport.sock)  # its thread notices this at once, a close only when it wakes up
    transport.close()
    transport.sock.close()


def _connect(target: Target, way: Route, timeout: float) -> socket.socket:
    where = str(target)
    deadline = Deadline(timeout)
    try:
        sock = ProxySocket(way.proxy, (way.host, way.port)) if way.proxy else _dial(target, way, deadline)
    except socket.gaierror as error:
        raise UnknownHostError(
            f"the name does not resolve: {error.strerror}",
            where=where,
            fix="correct the host in the configuration, or add it to the DNS or to /etc/hosts",
        ) from error
    except UnicodeError as error:
        raise UnknownHostError(
            "this is no name of a host: each part between the dots has 1 to 63 characters",
            where=where,
            fix="correct the host in the configuration",
        ) from error
    except ConnectionRefusedError as error:
        raise ConnectionRefusedByHostError(
            "the connection was refused: nothing listens on this port",
            where=where,
            fix="start sshd on the node, or correct the port",
        ) from error
    except TimeoutError as error:
        raise _unanswered(where, f"no answer within {timeout:g} s") from error
    except OSError as error:
        if error.errno in UNREACHABLE:
            raise _unanswered(where, error.strerror or str(error)) from error
        raise ConnectionLostError(f"cannot connect: {error}", where=where) from error
    try:
        _await_greeting(target, sock, timeout)
    except (OSError, SshError) as error:
        complaint = sock.complaint() if isinstance(sock, ProxySocket) else ""
        sock.close()
        if complaint:
            raise _dropped(where, f"'{way.proxy}' says: {complaint}") from error
        raise error if isinstance(error, SshError) else _dropped(where, str(error)) from error
    if isinstance(sock, ProxySocket):
        return sock
    # Unacknowledged data ends the connection after this time: without it a cut-off node is noticed after 15 minutes.
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(timeout * 1000))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def _dial(target: Target, way: Route, deadline: Deadline) -> socket.socket:
    """The first of the host's addresses that takes the connection."""
    reason: OSError | None = None
    for family, kind, protocol, _, address in _resolve(target, way, deadline):
        if not (left := deadline.left()):
            break
        sock = socket.socket(family, kind, protocol)
        try:
            sock.settimeout(left)
            sock.connect(address)
        except OSError as error:
            sock.close()
            reason = error
        else:
            return sock
    raise reason or TimeoutError


_Address = tuple[int, int, int, str, tuple[object, ...]]


def _resolve(target: Target, way: Route, deadline: Deadline) -> list[_Address]:
    """The addresses of a name. The resolver knows no deadline, so it is asked in a thread of its own."""
    ask = partial(socket.getaddrinfo, way.host, way.port, type=socket.SOCK_STREAM)
    with suppress(socket.gaierror, UnicodeError):
        return list(ask(flags=socket.AI_NUMERICHOST))
    answer: queue.SimpleQueue[list[_Address] | OSError | UnicodeError] = queue.SimpleQueue()

    def look_up() -> None:
        try:
            answer.put(list(ask()))
        except (OSError, UnicodeError) as error:
            answer.put(error)

    threading.Thread(target=look_up, name=f"resolve-{way.host}", daemon=True).start()
    try:
        found = answer.get(timeout=deadline.left())
    except queue.Empty:
        raise _unanswered(str(target), "the resolver (DNS) did not answer in time") from None
    if isinstance(found, Exception):
        raise found
    return found


def _await_greeting(target: Target, sock: socket.socket, seconds: float) -> None:
    """Wait until "SSH-..." has come, which is left to be read.

    Raises ConnectTimeoutError, ConnectionLostError, and OSError when the connection breaks.
    """
    deadline = Deadline(seconds)
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    seen = b""
    while not re.search(rb"^SSH-[^\n]*\n", seen, re.MULTILINE):
        first = printable(seen.split(b"\n")[0][:60].decode(errors="replace"))
        said = f"; it says '{first}'" if seen else ""
        if len(seen) >= GREETING_BYTES:
            raise ConnectionLostError(
                f"what listens there is no SSH server{said}", where=str(target), fix="correct the port"
            )
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, len(seen) + 1)  # so that poll waits for more
        if deadline.passed() or not poll.poll(deadline.left() * 1000):
            raise _unanswered(str(target), f"it takes connections, but gave no SSH greeting within {seconds:g} s{said}")
        before, seen = seen, sock.recv(GREETING_BYTES, socket.MSG_PEEK)
        if len(seen) <= len(before):
            raise _dropped(str(target), f"it ended before its greeting{said}")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, 1)


def _dropped(where: str, reason: str) -> ConnectionLostError:
    return ConnectionLostError(
        f"the SSH handshake failed: {reason}",
        where=where,
        fix="see whether sshd is overloaded there (MaxStartups in its log), then try again",
    )


def _unanswered(where: str, reason: str) -> ConnectTimeoutError:
    return ConnectTimeoutError(
        f"the node does not answer: {reason}",
        where=where,
        fix="see whether the node is up and its network is whole",
    )


def _log_in(target: Target, way: Route, transport: paramiko.Transport, seconds: float) -> None:
    """Try the keys, one after another. sshd hangs up after some (MaxAuthTries)."""
    where, user = str(target), way.user
    transport.auth_timeout = seconds
    wanted: list[str] = []
    refused = False
    with Identities(way, where, seconds) as identities:

        def give_up() -> None:
            shut(transport.sock)
            identities.close()

        with within(seconds, give_up) as watchdog:
            for key in identities.each():
                try:
                    wanted = transport.auth_publickey(user, key)
                except paramiko.BadAuthenticationType as error:
                    wanted = error.allowed_types
                    break
                except paramiko.AuthenticationException:
                    # paramiko says the same of a node that refused the key, was silent, or hung up.
                    if not transport.is_active():
                        break
                    refused = True
                except BROKEN:
                    if transport.is_active():
                        raise
                    break
                if transport.is_authenticated():
                    return
                if wanted:
                    break
    if watchdog.passed:
        raise _unanswered(where, f"the login had no answer in {seconds:g} s")
    if wanted:
        raise AuthenticationError(
            f"the node wants more than a key from user '{user}': {printable(', '.join(wanted))}",
            where=where,
            fix="let sshd take a key alone from this user there (AuthenticationMethods publickey)",
        )
    if not transport.is_active() and not refused:
        raise ConnectionLostError(
            f"the node ended the connection during the login of user '{user}'",
            where=where,
            fix="see sshd's log there: a login that took too long (LoginGraceTime), or a user who may not log in",
        )
    raise AuthenticationError(
        f"user '{user}' is not accepted with {identities.description}",
        where=where,
        fix=f"add the public key to ~{user}/.ssh/authorized_keys there, or correct ssh.user and ssh.key_path",
    )
