"""Is this the machine it claims to be: known hosts files, judged as OpenSSH's client judges them (sshd(8), ssh(1)).

What is known of a host also decides which kind of key it is asked for: a machine has several keys, and one of another
kind than the known one is no attack.
"""

from __future__ import annotations

import base64
import binascii
import fcntl
import hashlib
import hmac
import re
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import lru_cache
from pathlib import Path

import paramiko
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    SSHCertificate,
    SSHCertificateType,
    load_ssh_public_identity,
    load_ssh_public_key,
)

from sage_cluster.config.workers import SSH_PORT
from sage_cluster.errors import HostKeyChangedError, HostKeyUnknownError
from sage_cluster.waiting import wait_until

CERTIFICATE = "-cert-v01@openssh.com"
AUTHORITY, REVOKED = "@cert-authority", "@revoked"
SYSTEM_FILES = (Path("/etc/ssh/ssh_known_hosts"), Path("/etc/ssh/ssh_known_hosts2"))
RSA_ALGORITHMS = ("rsa-sha2-512", "rsa-sha2-256")  # ways to sign with a key of the type ssh-rsa
UNRECORDABLE = set("@?*#[]|'\"\\")  # what a name of a host cannot have, but a line of the file would read otherwise
LOCK_SECONDS = 5.0


def known_name(host: str, port: int) -> str:
    """A host's name in a known hosts file; other ports than 22 are part of it (sshd(8), known_hosts format)."""
    return host if port == SSH_PORT else f"[{host}]:{port}"


def _plain(algorithm: str) -> str:
    """The type of the key that an algorithm signs with, without its certificate."""
    plain = algorithm.removesuffix(CERTIFICATE)
    return "ssh-rsa" if plain in RSA_ALGORITHMS else plain


def _fingerprint(blob: bytes) -> str:
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")


@dataclass(frozen=True)
class HostKey:
    """A key that a host showed: its public part, and the certificate that it came in, if any."""

    type: str
    blob: bytes
    certificate: SSHCertificate | None = None

    @classmethod
    def of(cls, key: paramiko.PKey) -> HostKey:
        """The key of a connection. A certificate that cannot be read counts as none."""
        certificate = None
        if key.public_blob is not None:
            text = base64.b64encode(key.public_blob.key_blob)
            try:
                identity = load_ssh_public_identity(key.public_blob.key_type.encode() + b" " + text)
            except (ValueError, UnsupportedAlgorithm):
                identity = None
            certificate = identity if isinstance(identity, SSHCertificate) else None
        return cls(_plain(key.get_name()), key.asbytes(), certificate)

    def __str__(self) -> str:
        return f"{_fingerprint(self.blob)} ({self.type})"

    def authority(self) -> bytes:
        """The key that signed the certificate; empty without one."""
        if self.certificate is None:
            return b""
        text = self.certificate.signature_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
        return base64.b64decode(text.split()[1])

    def is_certified_for(self, host: str) -> bool:
        """Whether the certificate holds now, and for this host."""
        if self.certificate is None:
            return False
        try:
            self.certificate.verify_cert_signature()
        except (InvalidSignature, ValueError, UnsupportedAlgorithm):
            return False
        return (
            self.certificate.type is SSHCertificateType.HOST
            and self.certificate.valid_after <= time.time() < self.certificate.valid_before
            and not self.certificate.critical_options
            and any(_matches(host, one.decode(errors="replace")) for one in self.certificate.valid_principals)
        )


@dataclass(frozen=True)
class _Line:
    """A line of a known hosts file: ``marker`` is empty, AUTHORITY or REVOKED; ``key`` is not looked at yet."""

    place: str
    marker: str
    names: str
    key: str = field(repr=False)


@dataclass(frozen=True)
class _Entry:
    """A readable key that a line has for a host."""

    place: str
    marker: str
    type: str
    blob: bytes


class _Status(Enum):
    OK = "known"
    NEW = "not known"
    CHANGED = "other keys are known"
    REVOKED = "revoked"


class KnownHosts:
    """The user's file of known hosts, to which new ones are added, and ``others``, such as those of the system."""

    def __init__(self, own: Path, *others: Path) -> None:
        self.own = own
        self._files = (own, *others)

    def algorithms(self, host: str, port: int, supported: Sequence[str]) -> tuple[str, ...]:
        """Which keys to ask a host for: all that are ``supported``, and their certificates, those known here first."""
        offered = (*(f"{one}{CERTIFICATE}" for one in supported), *supported)
        entries = self._entries(known_name(host.lower(), port))
        revoked = {entry.blob for entry in entries if entry.marker == REVOKED}
        first_keys: dict[str, bytes] = {}
        for entry in entries:
            if not entry.marker:
                first_keys.setdefault(entry.type, entry.blob)
        known = {kind for kind, blob in first_keys.items() if blob not in revoked}
        if _plain(offered[0]) in known:
            return offered
        authority = any(entry.marker == AUTHORITY for entry in entries)
        first = [a for a in offered if _plain(a) in known or (authority and a.endswith(CERTIFICATE))]
        return (*first, *(a for a in offered if a not in first))

    def check(self, host: str, port: int, key: HostKey, *, accept_new: bool) -> None:
        """Compare the key that a host showed with what is known.

        An unknown host is refused, or with ``accept_new`` recorded. Raises HostKeyUnknownError, HostKeyChangedError.
        """
        host = host.lower()
        name = known_name(host, port)
        status = self._status(host, port, key)
        if status is _Status.OK:
            return
        if status is _Status.REVOKED:
            raise HostKeyChangedError(
                f"its host key {key} is revoked ({self._places(name, REVOKED)})",
                where=name,
                fix="do not connect: somebody may hold a copy of this key; give the machine a new host key, and its "
                "line to the file",
            )
        if status is _Status.CHANGED:
            was = next(entry for entry in self._entries(name) if not entry.marker)
            raise HostKeyChangedError(
                f"it shows host key {_fingerprint(key.blob)}, but {was.place} has {_fingerprint(was.blob)}",
                where=name,
                fix="find out why: a reinstalled machine, another machine at this address, or an attack; only then "
                f"remove the old key (ssh-keygen -R '{name}' -f {was.place.rpartition(':')[0]}) and add the new one",
            )
        if not accept_new:
            raise HostKeyUnknownError(
                f"its host key {key} is not in {self.own}",
                where=name,
                fix="compare the fingerprint with the machine's own (ssh-keygen -lf /etc/ssh/ssh_host_*_key.pub), then "
                "add the key to the file, or set ssh.host_keys to accept-new to trust a first contact",
            )
        if UNRECORDABLE & set(host):
            raise HostKeyUnknownError(
                f"its host key {key} is new, and a name like {host!r} cannot be recorded",
                where=name,
                fix="use its name",
            )
        self._record(name, key)

    def _status(self, host: str, port: int, key: HostKey) -> _Status:
        """A certificate that does not hold is a key like any other; a line without a port vouches for all ports."""
        entries = self._entries(known_name(host, port))
        plain = HostKey(key.type, key.blob)
        status = _Status.NEW
        for shown in (key, plain) if key.certificate else (plain,):
            status = _judge(entries, shown, host)
            if status in (_Status.OK, _Status.REVOKED):
                break
            if status is _Status.NEW and port != SSH_PORT and self._status(host, SSH_PORT, shown) is _Status.OK:
                return _Status.OK
        return status

    def _entries(self, name: str) -> list[_Entry]:
        found = []
        for file in self._files:
            for line in _lines_of(file, name):
                key = _parse_key(line.key)
                if key is not None:
                    found.append(_Entry(line.place, line.marker, *key))
        return found

    def _places(self, name: str, marker: str) -> str:
        return ", ".join(entry.place for entry in self._entries(name) if entry.marker == marker)

    def _record(self, name: str, key: HostKey) -> None:
        try:
            self.own.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with self.own.open("a", encoding="utf-8") as file:
                if not _lock(file.fileno()):
                    raise HostKeyUnknownError(
                        f"its host key {key} is new, but another process held {self.own} for {LOCK_SECONDS:g} s",
                        where=name,
                        fix=f"find it with `fuser {self.own}`, or try again",
                    )
                if file.tell() and not self.own.read_bytes().endswith(b"\n"):
                    file.write("\n")
                file.write(f"{name} {key.type} {base64.b64encode(key.blob).decode()}\n")
        except OSError as error:
            raise HostKeyUnknownError(
                f"its host key {key} is new and cannot be recorded in {self.own}: {error}",
                where=name,
                fix="make the file writable for you, or correct ssh.known_hosts",
            ) from error


def _judge(entries: Iterable[_Entry], key: HostKey, host: str) -> _Status:
    authority = key.authority()
    status = _Status.NEW
    for entry in entries:
        if entry.marker == REVOKED and entry.blob in (key.blob, authority):
            return _Status.REVOKED
        if key.certificate is not None:
            if entry.marker == AUTHORITY and entry.blob == authority:
                status = _Status.OK if key.is_certified_for(host) else _Status.CHANGED
        elif not entry.marker and status is not _Status.OK:
            status = _Status.OK if entry.blob == key.blob else _Status.CHANGED
    return status


def _lock(file: int) -> bool:
    def taken() -> bool:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    return wait_until(taken, LOCK_SECONDS)


class _Index:
    """The lines of a file: by name where names are plain, and those that have to be tried one by one."""

    def __init__(self, path: Path, text: str) -> None:
        self.by_name: dict[str, list[tuple[int, _Line]]] = {}
        self.tried: list[tuple[int, _Line]] = []
        for number, text_line in enumerate(text.split("\n"), 1):
            line = _parse(text_line, f"{path}:{number}")
            if line is None:
                continue
            if line.names.startswith("|") or set(line.names) & set("*?!"):
                self.tried.append((number, line))
            else:
                for name in set(line.names.lower().split(",")):
                    self.by_name.setdefault(name, []).append((number, line))

    def lines(self, name: str) -> list[_Line]:
        tried = [(number, line) for number, line in self.tried if _is_for(line.names, name)]
        return [line for _, line in sorted([*self.by_name.get(name, ()), *tried], key=lambda found: found[0])]


def _lines_of(path: Path, name: str) -> list[_Line]:
    try:
        file = path.stat()
        return _index(path, (file.st_ino, file.st_size, file.st_mtime_ns, file.st_ctime_ns)).lines(name)
    except OSError:  # as OpenSSH: a file that cannot be read vouches for nobody
        return []


@lru_cache(maxsize=8)
def _index(path: Path, _version: tuple[int, ...]) -> _Index:
    """Read once for each version of the file: anew at each connection, it grows with the square of the nodes."""
    return _Index(path, path.read_bytes().decode(errors="replace"))


def _parse(text: str, place: str) -> _Line | None:
    text = text.strip(" \t\r")
    if not text or text.startswith("#"):
        return None
    marker = ""
    if text.startswith("@"):
        marker, _, text = text.partition(" " if " " in text else "\t")
        text = text.lstrip(" \t")
        if marker not in (AUTHORITY, REVOKED) or text.startswith("@"):
            return None
    words = re.split(r"[ \t]+", text, maxsplit=1)
    return _Line(place, marker, *words) if len(words) == 2 else None  # noqa: PLR2004


def _is_for(names: str, name: str) -> bool:
    """Whether the first field of a line means a host: a hash of its name, or patterns and none against it."""
    if names.startswith("|"):
        return _hash(name, names) == names
    found = False
    for pattern in names.lower().split(","):
        if _matches(name, pattern.removeprefix("!")):
            if pattern.startswith("!"):
                return False
            found = True
    return found


def _matches(text: str, pattern: str) -> bool:
    parts = {"*": ".*", "?": "."}
    return re.fullmatch("".join(parts.get(one) or re.escape(one) for one in pattern), text, re.DOTALL) is not None


def _hash(name: str, like: str) -> str:
    """The name hashed with the salt of another; empty when that is none."""
    try:
        salt = base64.b64decode(like.removeprefix("|1|").partition("|")[0], validate=True)
    except binascii.Error:
        return ""
    digest = hmac.digest(salt, name.encode(), "sha1")
    return f"|1|{base64.b64encode(salt).decode()}|{base64.b64encode(digest).decode()}"


def _parse_key(text: str) -> tuple[str, bytes] | None:
    """A key's type and public part, or None when it is damaged or of a type that nobody uses any more."""
    words = re.split(r"[ \t]+", text)
    if len(words) < 2:  # noqa: PLR2004
        return None
    kind = _plain(words[0]) if words[0] in RSA_ALGORITHMS else words[0]
    try:
        blob = base64.b64decode(words[1], validate=True)
        load_ssh_public_key(f"{kind} {words[1]}".encode())
    except (ValueError, UnsupportedAlgorithm):
        return None
    return kind, blob
