"""Is this the machine it claims to be: the known hosts file, and what to say when it is not."""

from __future__ import annotations

import fcntl
from pathlib import Path

import paramiko

from sage_cluster.errors import HostKeyChangedError, HostKeyUnknownError


def known_name(host: str, port: int) -> str:
    """A host's name in a known hosts file; other ports than 22 are part of it (sshd(8), known_hosts format)."""
    return host if port == paramiko.config.SSH_PORT else f"[{host}]:{port}"


def load_known_hosts(path: Path) -> paramiko.HostKeys:
    """The keys in a known hosts file; none when there is no such file."""
    return paramiko.HostKeys(str(path)) if path.is_file() else paramiko.HostKeys()


def preferred_key_types(known: paramiko.HostKeys, name: str) -> list[str]:
    """The key types known for a host: asking for one of them avoids a false alarm over another type."""
    entry = known.lookup(name)
    return list(entry.keys()) if entry else []


def check_host_key(name: str, key: paramiko.PKey, known_hosts: Path, *, accept_new: bool) -> None:
    """Compare the key that a host showed with the known one.

    An unknown host is refused, or with ``accept_new`` recorded. Raises HostKeyUnknownError, HostKeyChangedError.
    """
    entry = load_known_hosts(known_hosts).lookup(name)
    if entry is None and accept_new:
        _record(name, key, known_hosts)
        return
    if entry is None:
        raise HostKeyUnknownError(
            f"its host key {key.fingerprint} ({key.get_name()}) is not in {known_hosts}",
            where=name,
            fix="compare the fingerprint with the machine's own (ssh-keygen -lf /etc/ssh/ssh_host_*_key.pub), then "
            "add the key to the file, or set ssh.host_keys to accept-new to trust a first contact",
        )
    expected = entry.get(key.get_name())
    if expected is None or expected != key:
        was = expected or next(iter(entry.values()))
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
