"""The disks of a container lab: a tmpfs of limited size each, as the upper layer of an overlay."""

from __future__ import annotations

import os
from pathlib import Path

from sage_lab.ledger import Ledger
from sage_lab.machine import kernel


class Layers:
    """The layers of one lab, in its directory; every mount is in the ledger before it is made."""

    def __init__(self, directory: Path, ledger: Ledger) -> None:
        self._directory = directory
        self._ledger = ledger

    def path(self, name: str) -> Path:
        """Where the layer of a node lies, or ``base``."""
        return self._directory / "layers" / name

    def bundle(self, name: str) -> Path:
        """Where the root file system of a node is mounted, beside its specification."""
        return self._directory / "bundles" / name

    def mount(self, source: str, target: Path, kind: str, options: str) -> None:
        """Mount a file system on the target, a directory that is made for it."""
        target.mkdir(parents=True, exist_ok=True)
        self._ledger.record("mount", target)
        kernel.mount(source, target, kind, options=options)

    def overlay(self, lower: str, layer: Path, target: Path) -> None:
        """Mount an overlay of the layer on the lower directories (parted by colons)."""
        for part in ("upper", "work"):
            (layer / part).mkdir(exist_ok=True)
        (layer / "upper").chmod(0o755)
        self.mount("overlay", target, "overlay", f"lowerdir={lower},upperdir={layer}/upper,workdir={layer}/work")

    def usage(self, name: str) -> tuple[int, int]:
        """How much of a node's disk is in use, and how large it is, in bytes."""
        disk = os.statvfs(self.path(name))
        return (disk.f_blocks - disk.f_bfree) * disk.f_frsize, disk.f_blocks * disk.f_frsize
