"""Is this the machine it claims to be: the known hosts file, and what to say when it is not."""

from __future__ import annotations

import fcntl
import re
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

import paramiko
from paramiko import HostKeys

from sage_cluster.errors import HostKeyChangedError, HostKeyUnknownError


def known_name(host: str, port: int) -> str:
    """A host's name in a known hosts file; other ports than 22 are part of it (sshd(8), known_hosts format)."""
    return host if port == paramiko.config.SSH_PORT else f"[{host}]:{port}"


def known_keys(path: Path, name: str) -> dict[str, paramiko.PKey]:
    """The keys of a host in a known hosts file, by their type, the first of each; none when there is no such file.

    Asking a host for one of these types avoids a false alarm over another type.
    """
    try:
        file = path.stat()
    except FileNotFoundError:
        return {}
    by_name, hashed = _lines(path, (file.st_ino, file.st_size, file.st_mtime_ns, file.st_ctime_ns))
    lines = [*by_name.get(name, ()), *(line for stored, line in hashed if HostKeys.hash_host(name, stored) == stored)]
    keys: dict[str, paramiko.PKey] = {}
    for line in lines:
        with suppress(ValueError, paramiko.SSHException, paramiko.hostkeys.InvalidHostKey):  # a damaged line
            entry = paramiko.hostkeys.HostKeyEntry.from_line(line)
            if entry is not None and entry.key is not None:
                keys.setdefault(entry.key.get_name(), entry.key)
    return keys


@lru_cache(maxsize=4)
def _lines(path: Path, _version: tuple[int, ...]) -> tuple[dict[str, list[str]], list[tuple[str, str]]]:
    """A file's lines by host name, and those of hashed names with the name; read once for each version of the file.

    Reading all keys anew at each connection makes the time for all nodes grow with the square of their number or worse.
    """
    by_name: dict[str, list[str]] = {}
    hashed: list[tuple[str, str]] = []
    for line in map(str.strip, path.read_text(encoding="utf-8", errors="replace").splitlines()):
        if not line or line.startswith("#"):
            continue
        for name in re.split("[ \t]", line, maxsplit=1)[0].split(","):
            if name.startswith("|1|"):
                hashed.append((name, line))
            else:
                by_name.setdefault(name, []).append(line)
    return by_name, hashed


def check_host_key(name: str, key: paramiko.PKey, known_hosts: Path, *, accept_new: bool) -> None:
    """Compare the key that a host showed with the known one.

    An unknown host is refused, or with ``accept_new`` recorded. Raises HostKeyUnknownError, HostKeyChangedError.
    """
    known = known_keys(known_hosts, name)
    if not known and accept_new:
        _record(name, key, known_hosts)
        return
    if not known:
        raise HostKeyUnknownError(
            f"its host key {key.fingerprint} ({key.get_name()}) is not in {known_hosts}",
            where=name,
            fix="compare the fingerprint with the machine's own (ssh-keygen -lf /etc/ssh/ssh_host_*_key.pub), then "
            "add the key to the file, or set ssh.host_keys to accept-new to trust a first contact",
        )
    expected = known.get(key.get_name())
    if expected is None or expected != key:
        was = expected or next(iter(known.values()))
        raise HostKeyChangedError(
            f"it shows host key {key.fingerprint}, but {known_hosts} has {was.fingerprint}",
            where=name,
            fix="find out why: a reinstalled machine, another machine at this address, or an attack; only then "
            f"remove the old key (ssh-keygen -R '{name}' -f {known_hosts}) and add the new one",
        )


def _record(name: str, key: paramiko.PKey, known_hosts: Path) -> None:
    known_hosts.parent.mkdir(parents=True, exist_ok=True)
    with known_hosts.open("a", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        if file.tell() and not known_hosts.read_bytes().endswith(b"\n"):
            file.write("\n")
        file.write(f"{name} {key.get_name()} {key.get_base64()}\n")
