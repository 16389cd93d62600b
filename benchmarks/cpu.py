"""Whose CPU time it was: the lab's, this process's, or that of others who share the machine."""

from __future__ import annotations

import os
import resource
import time
from dataclasses import dataclass
from pathlib import Path

from sage_lab.machine import cgroups

# Places of the columns in /proc/stat's line "cpu", see proc_stat(5): user, nice, system, irq, softirq.
BUSY = (1, 2, 3, 6, 7)
DISTURBED_CORES = 0.25
"""A run during which others used more than this on average does not count. It is fixed, and knows no results."""
QUIET_CORES = 0.15
QUIET_WINDOW = 2.0
QUIET_DEADLINE = 90.0


@dataclass(frozen=True)
class CpuUsage:
    """CPU seconds until now: of the machine since boot, of a lab's nodes, and of this process."""

    machine: float
    lab: float
    own: float
    at: float

    @classmethod
    def now(cls, lab: str = "", *, children: bool = False) -> CpuUsage:
        """Read all three; the lab's part is 0 without a lab.

        ``children``: those that ended are part of this process's own. Not where they worked in a node (`Lab.run`):
        that is in the lab's part already, and counted twice it would hide as much of other people's work.
        """
        parts = [resource.RUSAGE_SELF, *([resource.RUSAGE_CHILDREN] if children else [])]
        own = [resource.getrusage(part) for part in parts]
        return cls(_machine(), _lab(lab), sum(u.ru_utime + u.ru_stime for u in own), time.monotonic())

    def others_since(self, before: CpuUsage) -> float:
        """How many cores all others used on average since then; the kernel's own threads are among them.

        The kernel counts in ticks of 10 ms: under about a second the answer is mostly rounding.
        """
        others = (self.machine - before.machine) - (self.lab - before.lab) - (self.own - before.own)
        return max(0.0, others / max(self.at - before.at, 0.01))


def observe(lab: str = "") -> float:
    """How many cores others use now, over QUIET_WINDOW seconds."""
    before = CpuUsage.now(lab)
    time.sleep(QUIET_WINDOW)  # the length of the observation, not a wait for something
    return CpuUsage.now(lab).others_since(before)


def await_quiet(lab: str = "") -> float:
    """Wait until others use at most QUIET_CORES, or QUIET_DEADLINE seconds have passed.

    Returns how many cores they used last. What follows is measured either way, and marked when it was disturbed.
    """
    deadline = time.monotonic() + QUIET_DEADLINE
    while (others := observe(lab)) > QUIET_CORES and time.monotonic() < deadline:
        pass
    return others


def _machine() -> float:
    fields = Path("/proc/stat").read_text(encoding="ascii").splitlines()[0].split()
    return sum(int(fields[place]) for place in BUSY) / os.sysconf("SC_CLK_TCK")


def _lab(name: str) -> float:
    for tree in cgroups.trees() if name else []:
        group = tree / cgroups.ROOT / name
        if (group / "cpuacct.usage").exists():  # cgroup v1, nanoseconds
            return int((group / "cpuacct.usage").read_text(encoding="ascii")) / 1e9
        if (group / "cpu.stat").exists():  # cgroup v2, microseconds; the file of v1 says nothing of the usage
            said = dict(line.split() for line in (group / "cpu.stat").read_text(encoding="ascii").splitlines())
            if "usage_usec" in said:
                return int(said["usage_usec"]) / 1e6
    return 0.0
