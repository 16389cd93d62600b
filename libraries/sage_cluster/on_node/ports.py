"""Addresses and ports as this node sees them."""

from __future__ import annotations

import errno
import socket
from pathlib import Path

from sage_cluster.on_node.processes import all_processes, read_words

LISTEN = "0A"


def resolve(host: str) -> str:
    """The IPv4 address of ``host`` on this node, else its IPv6 address. Raises OSError."""
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    by_family = {family: str(address[0]) for family, _, _, _, address in reversed(found)}
    return by_family.get(socket.AF_INET) or next(iter(by_family.values()))


def own_address(peer: str, port: int) -> str:
    """The address that this node uses towards ``peer``; no packet is sent. Raises OSError."""
    family = socket.AF_INET6 if ":" in peer else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.connect((peer, port))
        return str(probe.getsockname()[0])


def can_connect(address: str, port: int, timeout: float) -> str:
    """Why a TCP connection to the port fails within ``timeout`` seconds; empty when it does not fail."""
    try:
        with socket.create_connection((address, port), timeout):
            return ""
    except OSError as error:
        return error.strerror or str(error)


def port_owner(port: int) -> str:
    """Who holds a TCP port on this node, as far as this user may see; empty when it is free."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("0.0.0.0", port))  # noqa: S104
        except OSError as error:
            if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                raise
            return _listener(port) or "a process of another user"
    return ""


def listening_ports(pids: set[int]) -> dict[int, int]:
    """The TCP ports on which the given processes listen, each with a pid that does."""
    inodes = {inode: port for port, inode in _listening_sockets()}
    ports = {}
    for pid in pids:
        for inode in _socket_inodes(pid):
            if inode in inodes:
                ports[inodes[inode]] = pid
    return ports


def _listener(port: int) -> str:
    wanted = {inode for number, inode in _listening_sockets() if number == port}
    for process in all_processes():
        if not wanted.isdisjoint(_socket_inodes(process.pid)):
            words = read_words(process.pid, "cmdline")
            return f"process {process.pid} ({' '.join(words)[:80]})"
    return ""


def _listening_sockets() -> list[tuple[int, str]]:
    sockets = []
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            lines = Path(table).read_text().splitlines()[1:]
        except FileNotFoundError:
            continue
        for line in lines:
            fields = line.split()
            if fields[3] == LISTEN:
                sockets.append((int(fields[1].rsplit(":", 1)[1], 16), fields[9]))
    return sockets


def _socket_inodes(pid: int) -> set[str]:
    inodes = set()
    try:
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            target = str(descriptor.readlink())
            if target.startswith("socket:["):
                inodes.add(target[8:-1])
    except OSError:
        return inodes
    return inodes
