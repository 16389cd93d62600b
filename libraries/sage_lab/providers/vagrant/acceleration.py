"""Whether KVM really boots a guest here, and what the machines are run by if it does not."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sage_lab.errors import LabError
from sage_lab.machine import commands
from sage_lab.model import Completed
from sage_lab.progress import Report

BOOT_DEADLINE = 30.0
KVM = Path("/dev/kvm")
QEMU = "qemu-system-x86_64"
Run = Callable[[Sequence[str], float], Completed]


@dataclass(frozen=True)
class Attempt:
    """Whether it worked, what was found, and the command or change that mends it."""

    good: bool
    found: str
    fix: str = ""


def acceleration(report: Report) -> str:
    """``kvm`` when a guest really boots on it, else ``qemu``, software emulation, with a warning to ``report``."""
    found = try_kvm(run, kernels())
    if found.good:
        return "kvm"
    report(f"warning: {found.found}; the machines are emulated by software, which is slow: docs/vm-lab.md")
    return "qemu"


def try_kvm(run: Run, images: Sequence[Path]) -> Attempt:
    """Whether KVM really boots a guest: /dev/kvm may be there and not work."""
    if not KVM.exists():
        return Attempt(False, f"no {KVM}", "switch virtualisation on in the firmware, then: modprobe kvm")
    if not _is_there(QEMU):
        return Attempt(
            False,
            f"{KVM} is there; not tried, without {QEMU}",
            "apt-get install qemu-system-x86 linux-image-amd64",
        )
    if not images:
        return Attempt(
            False,
            f"{KVM} is there; not tried, without a kernel image",
            "apt-get install linux-image-amd64",
        )
    argv = [QEMU, "-accel", "kvm", "-cpu", "host", "-m", "256", "-nodefaults", "-nographic", "-no-reboot"]
    argv += ["-serial", "stdio", "-kernel", str(images[0]), "-append", "console=ttyS0 panic=-1"]
    good, found = says(run, argv, "Linux version", timeout=BOOT_DEADLINE)
    return Attempt(
        good,
        f"a guest booted {images[0].name}" if good else f"a guest did not boot {images[0].name}: {found}",
        "use a machine that offers nested virtualisation, or the container lab",
    )


def kernels(directory: Path = Path("/boot")) -> list[Path]:
    """The kernel images that this process can read, the newest name first."""
    return [path for path in sorted(directory.glob("vmlinuz*"), reverse=True) if os.access(path, os.R_OK)]


def run(argv: Sequence[str], timeout: float) -> Completed:
    """Run a command on this machine, at most so many seconds."""
    return commands.try_run(argv, timeout=timeout)


def says(run: Run, argv: Sequence[str], word: str, *, timeout: float = 20.0) -> tuple[bool, str]:
    """Whether the command's output has the word, and a line of it to show."""
    try:
        ended = run(argv, timeout)
    except LabError as error:
        return False, error.what
    lines = [line.strip() for line in (ended.stdout + ended.stderr).splitlines() if line.strip()]
    for line in lines:
        if word in line:
            return True, line
    return False, lines[-1] if lines else f"{argv[0]} said nothing, exit status {ended.returncode}"


def _is_there(program: str) -> bool:
    return shutil.which(program, path=commands.PATH) is not None
