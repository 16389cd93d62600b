"""Which namespaces this process works in: the machine's own, or a lab's network.

A namespace belongs to a thread and is handed on to the threads and children that it starts. A process that
entered a lab does the lab's own work (mounts, containers) in a short-lived thread that went back to the
machine.
"""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ParamSpec, TypeVar

from sage_lab.errors import LabError, NotRootError
from sage_lab.machine import kernel

Result = TypeVar("Result")
Parameters = ParamSpec("Parameters")
NETWORKS = Path("/run/netns")
"""Where iproute2 keeps named network namespaces; its first namespace makes this a mount point."""
HOSTS = "hosts.controller"
"""The name of the file that a process in a lab sees as /etc/hosts: by it such a process is known."""


@dataclass(frozen=True)
class HostNamespaces:
    """Open descriptors of the machine's own namespaces, kept by a process that entered a lab."""

    mount: int
    network: int


class _Entered:
    host: HostNamespaces | None = None


def need_root(what: str) -> None:
    """Raise NotRootError unless this process is root."""
    if os.geteuid() != 0:
        raise NotRootError(
            f"{what} needs root, this is user {os.geteuid()}", where="container lab", fix="run it with sudo"
        )


def enter(network: Path | None, hosts: Path, hidden: Path) -> None:
    """Join the network, if any, and see ``hosts`` as /etc/hosts, from the calling thread on; again is no harm.

    Mounts below ``hidden`` are dropped from this process's view, so that it keeps no lab's disk alive.
    """
    need_root("entering the lab's network")
    if not Path("/etc/hosts").exists():
        raise LabError(
            "a lab is seen with a hosts file of its own in the place of this machine's, which has none",
            where="/etc/hosts",
            fix="echo 127.0.0.1 localhost | sudo tee /etc/hosts",
        )
    if network is not None and in_network(network):
        return
    host = _host_of_entered() or _open_namespaces("thread-self")
    kernel.unshare(kernel.CLONE_NEWNS)
    kernel.mount("none", Path("/"), flags=kernel.MS_REC | kernel.MS_SLAVE)
    for point in reversed(kernel.mount_points()):
        if point.is_relative_to(hidden):
            kernel.umount(point, kernel.MNT_DETACH)
    if _is_in_a_lab("thread-self"):
        # The last lab's file may be gone, and nothing can be mounted on a file that is gone.
        kernel.umount(Path("/etc/hosts"), kernel.MNT_DETACH)
    kernel.mount(str(hosts), Path("/etc/hosts"), flags=kernel.MS_BIND)
    _Entered.host = host
    if network is not None:
        _join_network(network)


def in_network(network: Path) -> bool:
    """Whether the calling thread is in that network namespace."""
    here = Path("/proc/thread-self/ns/net").stat()
    try:
        there = on_host(network.stat)
    except FileNotFoundError:
        return False
    return os.path.samestat(here, there)


def on_host(work: Callable[[], Result]) -> Result:
    """Do the work in the machine's own namespaces and return its result."""
    host = _host_of_entered()
    if host is None:
        return work()

    def go_back() -> None:
        kernel.unshare(kernel.CLONE_FS)
        kernel.setns(host.mount, kernel.CLONE_NEWNS)
        kernel.setns(host.network, kernel.CLONE_NEWNET)

    return _in_thread(go_back, work)


def outside(work: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """Let the function below always work in the machine's own namespaces."""

    @functools.wraps(work)
    def wrapped(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
        return on_host(lambda: work(*args, **kwargs))

    return wrapped


def on_network(network: Path, work: Callable[[], Result]) -> Result:
    """Do the work (sockets, not files) in a network namespace and return its result."""
    if in_network(network):
        return work()
    return _in_thread(lambda: _join_network(network), work)


def _in_thread(prepare: Callable[[], None], work: Callable[[], Result]) -> Result:
    results: list[Result] = []
    errors: list[BaseException] = []

    def body() -> None:
        try:
            prepare()
            results.append(work())
        except BaseException as error:  # noqa: BLE001 - handed to the thread that asked
            errors.append(error)

    thread = threading.Thread(target=body, name="sage-lab-namespace")
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return results[0]


def _join_network(network: Path) -> None:
    descriptor = on_host(lambda: os.open(network, os.O_RDONLY | os.O_CLOEXEC))
    try:
        kernel.setns(descriptor, kernel.CLONE_NEWNET)
    finally:
        os.close(descriptor)


def _open_namespaces(process: str) -> HostNamespaces:
    flags = os.O_RDONLY | os.O_CLOEXEC
    directory = f"/proc/{process}/ns"
    return HostNamespaces(os.open(f"{directory}/mnt", flags), os.open(f"{directory}/net", flags))


def _host_of_entered() -> HostNamespaces | None:
    """The machine's namespaces when this process is in a lab, by its own doing or by inheritance."""
    if _Entered.host is None and _is_in_a_lab("thread-self"):
        _Entered.host = _open_namespaces(str(_ancestor_outside()))
    return _Entered.host


def _is_in_a_lab(process: str) -> bool:
    lines = Path(f"/proc/{process}/mountinfo").read_text(encoding="utf-8").splitlines()
    fields = [line.split() for line in lines]
    return any(one[4] == "/etc/hosts" and f"/{HOSTS}" in one[3] for one in fields)


def _ancestor_outside() -> int:
    """The nearest ancestor of this process that is in no lab."""
    process = os.getppid()
    while process > 0:
        if not _is_in_a_lab(str(process)):
            return process
        stat = Path(f"/proc/{process}/stat").read_text(encoding="utf-8")
        process = int(stat.rpartition(")")[2].split()[1])
    raise LabError(
        "this process is in a lab's network, and it has no ancestor outside of one",
        where=f"process {os.getpid()}",
        fix="run the command from a shell outside of the lab",
    )
