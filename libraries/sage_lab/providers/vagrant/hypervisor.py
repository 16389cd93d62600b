"""What only virtual machines can do: a reset button, disks that slow down, consoles, snapshots of the whole lab."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from sage_lab.model import LabNode
from sage_lab.providers.vagrant.access import VmAccess
from sage_lab.providers.vagrant.libvirt import Domain

RAY_DISK = "vdb"
_SETTING = 60.0


class Hypervisor:
    """The hypervisor's hand on the machines of one lab. ``wait`` waits for the SSH servers of some nodes."""

    def __init__(
        self,
        nodes: Sequence[LabNode],
        domains: Mapping[str, Domain],
        access: VmAccess,
        consoles: Callable[[str], Path],
        wait: Callable[[Sequence[LabNode]], None],
    ) -> None:
        self._nodes = nodes
        self._domains = domains
        self._access = access
        self._consoles = consoles
        self._wait = wait

    def reset(self, node: str) -> None:
        """Press the node's reset button and wait until it answers over SSH."""
        self._domains[node].reset()
        self._wait([one for one in self._nodes if one.name == node])

    def slow_disk(self, node: str, most: int | None) -> None:
        """Let the disk of Ray's files carry at most so many bytes in a second; any number when nothing is given."""
        self._domains[node].slow_disk(RAY_DISK, most)

    def console(self, node: str) -> str:
        """All that the node wrote to its serial console."""
        return self._consoles(node).read_text(encoding="utf-8", errors="replace")

    def save(self, name: str) -> None:
        """Keep all nodes as they are now, memory and disks, under a name; what was kept under it before goes."""
        self._still()
        try:
            self._at_once(lambda node: self._domains[node.name].save(name))
        finally:
            self._go_on()

    def rollback(self, name: str) -> None:
        """Bring all nodes back to what was kept; their clocks tell today's time. LabError for an unknown name."""
        self._at_once(lambda node: self._domains[node.name].rollback(name))
        self._go_on()
        self._access.close()
        self._wait(self._nodes)
        self._at_once(self._set_clock)

    def _still(self) -> None:
        for node in self._nodes:
            self._domains[node.name].freeze()

    def _go_on(self) -> None:
        for node in self._nodes:
            self._domains[node.name].thaw()

    def _set_clock(self, node: LabNode) -> None:
        way = self._access.to(node, "root")
        way.run(["true"], root=True, timeout=_SETTING)  # logs in; the next command is as quick as it can be
        way.run(["date", "--utc", f"--set=@{time.time():.3f}"], root=True, timeout=_SETTING)

    def _at_once(self, work: Callable[[LabNode], None]) -> None:
        with ThreadPoolExecutor(max_workers=len(self._nodes)) as pool:
            list(pool.map(work, self._nodes))
