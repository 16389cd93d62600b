"""A real sshd on loopback, with its host keys, an authority that certifies them, and a user's key."""

from __future__ import annotations

import getpass
import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.support.ports import free_port
from tests.support.waiting import wait_for

TYPES = ("ed25519", "ecdsa", "rsa")
SSHD = "/usr/sbin/sshd"


@dataclass(frozen=True)
class Sshd:
    """Where it listens, and the file of the key that lets the user of the tests in."""

    port: int
    key: Path
    user: str


def make_key(path: Path, kind: str = "ed25519", passphrase: str = "", *options: str) -> Path:
    """Make a key pair in OpenSSH's format, or as the options of ssh-keygen say."""
    size = ("-b", "2048") if kind == "rsa" else ()
    command = ["ssh-keygen", "-q", "-t", kind, *size, "-N", passphrase, "-C", "", "-f", str(path), *options]
    subprocess.run(command, check=True)
    return path


def public(path: Path) -> str:
    """The type and the public part of a key, as lines of known_hosts and authorized_keys have them."""
    return path.with_name(f"{path.name}.pub").read_text().strip()


def make_host_keys(directory: Path) -> dict[str, Path]:
    """A host key of each type."""
    return {kind: make_key(directory / f"host_{kind}", kind) for kind in TYPES}


def certify(authority: Path, key: Path, principals: str, *options: str) -> Path:
    """Sign a host key; the certificate's file."""
    command = ["ssh-keygen", "-q", "-s", str(authority), "-I", "test", "-h", "-n", principals, *options]
    subprocess.run([*command, f"{key}.pub"], check=True)
    return key.with_name(f"{key.name}-cert.pub")


@contextmanager
def running_sshd(directory: Path, host_keys: list[Path], *settings: str) -> Iterator[Sshd]:
    """An sshd that lets this user in with a key, until the block ends. ``settings`` are lines of its configuration."""
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # where a root's sshd insists to be locked in
    directory.mkdir(exist_ok=True)
    key, port = make_key(directory / "user_key"), free_port()
    (directory / "authorized_keys").write_text(public(key) + "\n")
    lines = (
        *settings,  # of two settings of one name, the first holds
        f"ListenAddress 127.0.0.1:{port}",
        *(f"HostKey {host_key}" for host_key in host_keys),
        f"AuthorizedKeysFile {directory}/authorized_keys",
        "PidFile none",
        "StrictModes no",
        "UsePAM no",
        "MaxStartups 100:30:200",
        "PasswordAuthentication no",
    )
    (directory / "sshd_config").write_text("".join(f"{line}\n" for line in lines))
    with (directory / "log").open("w") as log:
        process = subprocess.Popen([SSHD, "-D", "-e", "-f", str(directory / "sshd_config")], stderr=log)
    try:
        wait_for(lambda: process.poll() is None and _listens(port))
        yield Sshd(port, key, getpass.getuser())
    finally:
        process.terminate()
        process.wait(10)


def _listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False
