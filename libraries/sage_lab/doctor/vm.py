"""What a lab of virtual machines would need; it does not keep a container lab from working."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Callable, Sequence
from pathlib import Path

from sage_lab.doctor.container import Finding
from sage_lab.errors import CommandTimeoutError, LabError
from sage_lab.machine import commands
from sage_lab.model import Completed
from sage_lab.progress import Report
from sage_lab.topology import GIB

BOOT_DEADLINE = 30.0
LIBVIRT_SOCKET = Path("/run/libvirt/libvirt-sock")
KVM = Path("/dev/kvm")
QEMU = "qemu-system-x86_64"
DISK_PER_NODE = 4 * GIB
Run = Callable[[Sequence[str], float], Completed]


def examine(workers: int = 2) -> list[Finding]:
    """What a VM lab with that many workers needs of this machine; boots a kernel for it, changes nothing."""
    return [
        vagrant(run),
        libvirt_plugin(run),
        _libvirtd(),
        kvm(run, kernels()),
        _disk(workers),
    ]


def kernels(directory: Path = Path("/boot")) -> list[Path]:
    """The kernel images that this process can read, the newest name first."""
    return [path for path in sorted(directory.glob("vmlinuz*"), reverse=True) if os.access(path, os.R_OK)]


def vagrant(run: Run) -> Finding:
    """Whether Vagrant is there and starts."""
    good, found = _says(run, ["vagrant", "--version"], "Vagrant")
    return _vm("vagrant", good, found, "apt-get install vagrant")


def libvirt_plugin(run: Run) -> Finding:
    """Whether Vagrant has its libvirt plugin."""
    good, found = _says(run, ["vagrant", "plugin", "list"], "vagrant-libvirt")
    return _vm("vagrant-libvirt plugin", good, found, "apt-get install vagrant-libvirt")


def kvm(run: Run, images: Sequence[Path]) -> Finding:
    """Whether KVM really boots a guest: /dev/kvm may be there and not work."""
    if not KVM.exists():
        return _vm("KVM", False, f"no {KVM}", "switch virtualisation on in the firmware, then: modprobe kvm")
    if not _is_there(QEMU):
        return _vm(
            "KVM",
            False,
            f"{KVM} is there; not tried, without {QEMU}",
            "apt-get install qemu-system-x86 linux-image-amd64",
        )
    if not images:
        return _vm(
            "KVM",
            False,
            f"{KVM} is there; not tried, without a kernel image",
            "apt-get install linux-image-amd64",
        )
    argv = [QEMU, "-accel", "kvm", "-cpu", "host", "-m", "256", "-nodefaults", "-nographic", "-no-reboot"]
    argv += ["-serial", "stdio", "-kernel", str(images[0]), "-append", "console=ttyS0 panic=-1"]
    good, found = _says(run, argv, "Linux version", timeout=BOOT_DEADLINE)
    return _vm(
        "KVM",
        good,
        f"a guest booted {images[0].name}" if good else f"a guest did not boot {images[0].name}: {found}",
        "use a machine that offers nested virtualisation, or the container lab",
    )


def acceleration(report: Report) -> str:
    """``kvm`` when a guest really boots on it, else ``qemu``, software emulation, with a warning to ``report``."""
    found = kvm(run, kernels())
    if found.good:
        return "kvm"
    report(f"warning: {found.found}; the machines are emulated by software, which is slow: docs/vm-lab.md")
    return "qemu"


def _is_there(program: str) -> bool:
    return shutil.which(program, path=commands.PATH) is not None


def run(argv: Sequence[str], timeout: float) -> Completed:
    """Run a command on this machine, at most so many seconds."""
    return commands.try_run(argv, timeout=timeout)


def _says(run: Run, argv: Sequence[str], word: str, *, timeout: float = 20.0) -> tuple[bool, str]:
    """Whether the command's output has the word, and a line of it to show."""
    try:
        ended = run(argv, timeout)
    except CommandTimeoutError as error:
        return False, error.what
    except LabError as error:
        return False, error.what
    lines = [line.strip() for line in (ended.stdout + ended.stderr).splitlines() if line.strip()]
    for line in lines:
        if word in line:
            return True, line
    return False, lines[-1] if lines else f"{argv[0]} said nothing, exit status {ended.returncode}"


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
