"""What a fault needs of the machines; a lab whose machines lack it cannot have the fault, and says why."""

from __future__ import annotations

from sage_lab.faults.names import Family, FaultKind
from sage_lab.providers import Capability

_OF_KIND = {
    FaultKind.POWER_CUT: Capability.POWER,
    FaultKind.REBOOT: Capability.POWER,
    FaultKind.RESET: Capability.RESET,
    FaultKind.KERNEL_PANIC: Capability.OWN_KERNEL,
    FaultKind.FROZEN: Capability.FREEZE,
    FaultKind.UNPLUGGED: Capability.UNPLUG,
    FaultKind.PROCESS_TABLE_EXHAUSTED: Capability.PROCESS_LIMIT,
    FaultKind.DISK_SLOW: Capability.OWN_DISK,
    FaultKind.DISK_FAILED: Capability.OWN_DISK,
    FaultKind.DISK_READ_ONLY: Capability.OWN_DISK,
    FaultKind.READ_ONLY_TEMP_DIR: Capability.WRITE_PROTECTION,
}
_OF_FAMILY = {
    Family.PARTITION: Capability.CLUSTER_LINK,
    Family.LINK: Capability.CLUSTER_LINK,
    Family.SSH: Capability.SSH_SERVER,
    Family.CLOCK: Capability.CLOCK,
}


def need_of(kind: FaultKind, family: Family) -> Capability | None:
    """What the fault needs beyond commands of root on the node, if anything."""
    return _OF_KIND.get(kind) or _OF_FAMILY.get(family)
