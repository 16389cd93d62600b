"""What a lab of virtual machines would need; it does not keep a container lab from working."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Sequence
from pathlib import Path

from sage_lab.doctor.finding import Finding
from sage_lab.providers.vagrant.acceleration import Run, kernels, run, says, try_kvm
from sage_lab.topology import GIB

LIBVIRT_SOCKET = Path("/run/libvirt/libvirt-sock")
DISK_PER_NODE = 4 * GIB


def examine(workers: int = 2) -> list[Finding]:
    """What a VM lab with that many workers needs of this machine; boots a kernel for it, changes nothing."""
    return [
        vagrant(run),
        libvirt_plugin(run),
        _libvirtd(),
        kvm(run, kernels()),
        _disk(workers),
    ]


def vagrant(run: Run) -> Finding:
    """Whether Vagrant is there and starts."""
    good, found = says(run, ["vagrant", "--version"], "Vagrant")
    return _vm("vagrant", good, found, "apt-get install vagrant")


def libvirt_plugin(run: Run) -> Finding:
    """Whether Vagrant has its libvirt plugin."""
    good, found = says(run, ["vagrant", "plugin", "list"], "vagrant-libvirt")
    return _vm("vagrant-libvirt plugin", good, found, "apt-get install vagrant-libvirt")


def kvm(run: Run, images: Sequence[Path]) -> Finding:
    """Whether KVM really boots a guest: /dev/kvm may be there and not work."""
    tried = try_kvm(run, images)
    return _vm("KVM", tried.good, tried.found, tried.fix)


def _libvirtd() -> Finding:
    good, found = True, f"{LIBVIRT_SOCKET} answers"
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(2.0)
            connection.connect(str(LIBVIRT_SOCKET))
    except OSError as error:
        good, found = False, f"{LIBVIRT_SOCKET}: {error.strerror or error}"
    return _vm("libvirtd", good, found, "apt-get install libvirt-daemon-system && systemctl enable --now libvirtd")


def _disk(workers: int) -> Finding:
    free = shutil.disk_usage("/var/lib").free
    needed = (1 + workers) * DISK_PER_NODE
    return _vm(
        "disk",
        free >= needed,
        f"{free / GIB:.1f} GiB free at /var/lib, {needed / GIB:.1f} GiB needed",
        "free space below /var/lib/libvirt, or use fewer workers",
    )


def _vm(check: str, good: bool, found: str, fix: str) -> Finding:
    return Finding("VM lab", check, good, found, "" if good else fix)
