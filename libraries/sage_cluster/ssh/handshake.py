"""Opening an SSH connection: reach the host, check that it is the right one, log in; each failure has its own error."""

from __future__ import annotations

import errno
import logging
import socket
import time
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import paramiko

from sage_cluster.config.schema import SshConfig
from sage_cluster.errors import (
    AuthenticationError,
    ConnectionLostError,
    ConnectionRefusedByHostError,
    ConnectTimeoutError,
    SshError,
    UnknownHostError,
)
from sage_cluster.ssh.connection import BROKEN, SshConnection, Target
from sage_cluster.ssh.host_keys import check_host_key, known_keys

KEEPALIVE_SECONDS = 5
IDLE_SECONDS = 1.0
WAITED_SECONDS = 10.0
# paramiko would print what becomes one of our errors anyway.
logging.getLogger("paramiko").addHandler(logging.NullHandler())
UNREACHABLE = {errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ETIMEDOUT, errno.EHOSTDOWN}


def open_connection(
    target: Target, settings: SshConfig, turns: AbstractContextManager[object] | None = None
) -> SshConnection:
    """Connect and log in once, within ``settings.connect_timeout`` seconds a step.

    ``turns`` is entered for the handshake, once the host has answered: one that does not takes no turn from others.

    Raises the SshError that fits: UnknownHostError, ConnectionRefusedByHostError, ConnectTimeoutError,
    HostKeyUnknownError, HostKeyChangedError, AuthenticationError, ConnectionLostError.
    """
    sock = _connect(target, settings.connect_timeout)
    connected = time.monotonic()
    with turns or nullcontext():
        if time.monotonic() - connected > WAITED_SECONDS:
            # Its sshd counts the wait as part of the login (LoginGraceTime), and would end it in the midst.
            sock.close()
            sock = _connect(target, settings.connect_timeout)
        return SshConnection(target, _handshake(target, sock, settings))


def _handshake(target: Target, sock: socket.socket, settings: SshConfig) -> paramiko.Transport:
    known_hosts = Path(settings.known_hosts).expanduser()
    transport = paramiko.Transport(sock)
    sock.settimeout(IDLE_SECONDS)  # after paramiko, which would have every idle connection wake up ten times a second
    try:
        transport.banner_timeout = settings.connect_timeout
        transport.auth_timeout = settings.connect_timeout
        transport.set_keepalive(KEEPALIVE_SECONDS)
        known = known_keys(known_hosts, str(target))
        options = transport.get_security_options()
        if known:
            options.key_types = [
                *(t for t in options.key_types if t in known),
                *(t for t in options.key_types if t not in known),
            ]
        transport.start_client(timeout=settings.connect_timeout)
        if transport.is_active() and not transport.initial_kex_done:  # paramiko returns in silence when time is up
            raise ConnectionLostError(
                f"the SSH handshake did not end within {settings.connect_timeout:g} s",
                where=str(target),
                fix="see whether the node or this machine is overloaded, or raise ssh.connect_timeout",
            )
        check_host_key(
            str(target),
            transport.get_remote_server_key(),
            known_hosts,
            accept_new=settings.host_keys == "accept-new",
        )
        _log_in(target, transport, settings)
    except SshError:
        transport.close()
        raise
    except BROKEN as error:
        transport.close()
        raise ConnectionLostError(
            f"the SSH handshake failed: {error or type(error).__name__}",
            where=str(target),
            fix="see whether sshd is overloaded there (MaxStartups in its log), then try again",
        ) from error
    return transport


def _connect(target: Target, timeout: float) -> socket.socket:
    where = str(target)
    try:
        sock = socket.create_connection((target.host, target.port), timeout)
    except socket.gaierror as error:
        raise UnknownHostError(
            f"the name does not resolve: {error.strerror}",
            where=where,
            fix="correct the host in the configuration, or add it to the DNS or to /etc/hosts",
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
    # Unacknowledged data ends the connection after this time: without it a cut-off node is noticed after 15 minutes.
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(timeout * 1000))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def _unanswered(where: str, reason: str) -> ConnectTimeoutError:
    return ConnectTimeoutError(
        f"the node does not answer: {reason}",
        where=where,
        fix="see whether the node is up and its network is whole",
    )


def _log_in(target: Target, transport: paramiko.Transport, settings: SshConfig) -> None:
    keys = _keys(target, settings)
    if not keys:
        raise AuthenticationError(
            "there is no SSH key to log in with",
            where=str(target),
            fix="set ssh.key_path in the configuration, or load a key into the SSH agent",
        )
    refused = False
    for key in keys:
        began = time.monotonic()
        try:
            transport.auth_publickey(settings.user, key)
        except paramiko.AuthenticationException as error:
            # paramiko says the same of a node that refused the key, that did not answer in time, and that hung up.
            if time.monotonic() - began >= settings.connect_timeout:
                raise _unanswered(str(target), f"the login had no answer in {settings.connect_timeout:g} s") from error
            if transport.is_active():
                refused = True
                continue
            if refused:  # sshd hangs up after so many keys (MaxAuthTries)
                break
            raise ConnectionLostError(
                f"the node ended the connection during the login of user '{settings.user}'",
                where=str(target),
                fix="see sshd's log there: a login that took too long (LoginGraceTime), or a user who may not log in",
            ) from error
        if transport.is_authenticated():
            return
    raise AuthenticationError(
        f"user '{settings.user}' is not accepted with {settings.key_path or 'the keys of the SSH agent'}",
        where=str(target),
        fix=f"add the public key to ~{settings.user}/.ssh/authorized_keys there, or correct ssh.user and ssh.key_path",
    )


def _keys(target: Target, settings: SshConfig) -> list[paramiko.PKey]:
    if not settings.key_path:
        return list(paramiko.Agent().get_keys())
    path = Path(settings.key_path).expanduser()
    try:
        return [paramiko.PKey.from_path(path)]
    except (OSError, ValueError, paramiko.SSHException) as error:
        raise AuthenticationError(
            f"the key file {path} cannot be used: {error}",
            where=str(target),
            fix="set ssh.key_path to a readable private key without a passphrase, or use the SSH agent",
        ) from error
