"""The keys to log in with: a file, with its certificate, or what the SSH agent holds."""

from __future__ import annotations

import base64
import io
import os
import re
import socket
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import paramiko
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
    load_ssh_private_key,
)
from paramiko.agent import AgentKey, AgentSSH
from paramiko.pkey import OPENSSH_AUTH_MAGIC, PublicBlob

from sage_cluster.errors import AuthenticationError
from sage_cluster.ssh.client_config import Route
from sage_cluster.ssh.transport import BROKEN, shut

OTHERS = 0o077
KINDS: dict[type, type[paramiko.PKey]] = {
    RSAPrivateKey: paramiko.RSAKey,
    EllipticCurvePrivateKey: paramiko.ECDSAKey,
    Ed25519PrivateKey: paramiko.Ed25519Key,
}
UNREADABLE = (OSError, ValueError, TypeError, UnsupportedAlgorithm, paramiko.SSHException)


class Identities:
    """The keys for one login; use it in a ``with`` statement. Every method raises AuthenticationError.

    Without a ``key_path`` they are those of the agent, first the ones of which there is a file, then the files. A file
    that is not readable without its passphrase is used through the agent.
    """

    def __init__(self, way: Route, where: str, seconds: float) -> None:
        self._way = way
        self._where = where
        self._agent = _Agent(way.agent, seconds)
        self.description = str(way.key_path or "the keys of the SSH agent and those of ~/.ssh")

    def each(self) -> Iterator[paramiko.PKey]:
        """The keys, each with its certificate first."""
        if self._way.key_path:
            yield from _with_certificate(self._of_file(self._way.key_path), self._way.key_path)
            return
        none, problem = True, None
        files = [path for path in self._way.key_files if path.exists()]
        if not self._way.only_files:
            wanted = {_public_part(path, b"") for path in files}
            for held in sorted(self._agent.ask(self._where), key=lambda key: key.blob not in wanted):
                none = False
                yield held
        for path in files:
            try:
                key = self._of_file(path)
            except AuthenticationError as error:
                problem = error
                continue
            none = False
            yield from _with_certificate(key, path)
        if none:
            raise problem or AuthenticationError(
                "there is no SSH key to log in with",
                where=self._where,
                fix="set ssh.key_path in the configuration, or load a key into the SSH agent",
            )

    def close(self) -> None:
        """Close the connection to the agent: who waits for it gets an error at once."""
        self._agent.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _of_file(self, path: Path) -> paramiko.PKey:
        try:
            file = path.stat()
            data = path.read_bytes()
        except OSError as error:
            raise self._unusable(path, error.strerror or str(error), "correct ssh.key_path") from error
        public = _public_part(path, data)
        if file.st_uid == os.getuid() and stat.S_IMODE(file.st_mode) & OTHERS and b"PRIVATE KEY" in data:
            raise self._unusable(
                path, f"its mode is {stat.S_IMODE(file.st_mode):04o}, so that others can read it", f"chmod 600 {path}"
            )
        try:
            return _load(data)
        except UNREADABLE as error:
            for key in self._agent.ask(self._where) if public else ():
                if key.blob == public:
                    return key
            if isinstance(error, TypeError):  # what cryptography says of a missing passphrase
                raise self._unusable(
                    path, "it has a passphrase, and the SSH agent does not hold it", f"ssh-add {path}"
                ) from error
            raise self._unusable(
                path, str(error) or type(error).__name__, "set ssh.key_path to a private key"
            ) from error

    def _unusable(self, path: Path, reason: str, fix: str) -> AuthenticationError:
        return AuthenticationError(
            f"the key file {path} cannot be used: {reason}", where=self._where, fix=f"{fix}; or use the SSH agent"
        )


class _Agent(AgentSSH):
    """The SSH agent, asked when first needed; a silent one is left alone after some seconds."""

    def __init__(self, path: str, seconds: float) -> None:
        super().__init__()
        self._path = path
        self._seconds = seconds
        self._sock: socket.socket | None = None

    def ask(self, where: str) -> tuple[AgentKey, ...]:
        """The keys that it holds, none where no agent runs. Raises AuthenticationError for one that is silent."""
        path = self._path
        if self._sock is None and path:
            self._sock = sock = socket.socket(socket.AF_UNIX)
            sock.settimeout(self._seconds)
            try:
                sock.connect(path)
                self._connect(sock)  # type: ignore[attr-defined]  # asks for the list of keys
            except TimeoutError as error:
                sock.close()
                raise AuthenticationError(
                    f"the SSH agent at {path} does not answer within {self._seconds:g} s",
                    where=where,
                    fix="restart the agent, or unset SSH_AUTH_SOCK and set ssh.key_path",
                ) from error
            except BROKEN:  # a socket that an agent left behind: as if there were none
                sock.close()
        return tuple(self.get_keys())

    def close(self) -> None:
        """Hang up, also for a thread that waits for an answer."""
        if self._sock is not None:
            shut(self._sock)
            self._sock.close()


def _load(data: bytes) -> paramiko.PKey:
    """A private key in any format that has no passphrase: OpenSSH's, PEM, PKCS8."""
    try:
        loaded = load_ssh_private_key(data, None)
    except ValueError:
        loaded = load_pem_private_key(data, None)  # type: ignore[assignment]
    for kind, key in KINDS.items():
        if isinstance(loaded, kind):
            text = loaded.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode()
            return key.from_private_key(io.StringIO(text))
    raise ValueError(f"keys of the kind {type(loaded).__name__} are not supported")


def _with_certificate(key: paramiko.PKey, path: Path) -> Iterator[paramiko.PKey]:
    """The key with the certificate that lies beside it, as OpenSSH tries them, then the key alone."""
    certificate = path.with_name(f"{path.name}-cert.pub")
    if certificate.exists():
        with suppress(*UNREADABLE):
            key.load_certificate(str(certificate))
            yield key
            key.public_blob = None
    yield key


def _public_part(path: Path, data: bytes) -> bytes:
    """The public part of a key that cannot be opened: in OpenSSH's format it lies in the open; else beside the file."""
    with suppress(*UNREADABLE):
        if data.startswith((b"ssh-", b"ecdsa-", b"sk-")):
            return bytes(PublicBlob.from_string(data.decode()).key_blob)
        public = path.with_name(f"{path.name}.pub")
        if public.exists():
            return bytes(PublicBlob.from_file(str(public)).key_blob)
    return _open_part(data)


def _open_part(data: bytes) -> bytes:
    found = re.search(rb"-----BEGIN OPENSSH PRIVATE KEY-----(.*?)-----END", data, re.DOTALL)
    with suppress(*UNREADABLE):
        if found:
            body = base64.b64decode(found[1])
            message = paramiko.Message(body.removeprefix(OPENSSH_AUTH_MAGIC))
            for _ in range(3):  # the cipher, and how its key is made
                message.get_string()
            message.get_int()
            return bytes(message.get_string())
    return b""
