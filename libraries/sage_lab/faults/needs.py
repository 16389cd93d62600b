"""What a fault needs of the machines; a lab whose machines lack it cannot have the fault, and says why."""

from __future__ import annotations

from sage_lab.faults.names import Family, FaultKind
from sage_lab.providers import Ability

_OF_KIND = {
    FaultKind.POWER_CUT: Ability.POWER,
    FaultKind.REBOOT: Ability.POWER,
    FaultKind.RESET: Ability.RESET,
    FaultKind.KERNEL_PANIC: Ability.OWN_KERNEL,
    FaultKind.FROZEN: Ability.FREEZE,
    FaultKind.UNPLUGGED: Ability.UNPLUG,
    FaultKind.PROCESS_TABLE_EXHAUSTED: Ability.PROCESS_LIMIT,
    FaultKind.DISK_SLOW: Ability.OWN_DISK,
    FaultKind.DISK_FAILED: Ability.OWN_DISK,
    FaultKind.DISK_READ_ONLY: Ability.OWN_DISK,
    FaultKind.READ_ONLY_TEMP_DIR: Ability.WRITE_PROTECTION,
}
_OF_FAMILY = {
    Family.PARTITION: Ability.CLUSTER_LINK,
    Family.LINK: Ability.CLUSTER_LINK,
    Family.SSH: Ability.SSH_SERVER,
    Family.CLOCK: Ability.CLOCK,
}


def need_of(kind: FaultKind, family: Family) -> Ability | None:
    """What the fault needs beyond commands of root on the node, if anything."""
    return _OF_KIND.get(kind) or _OF_FAMILY.get(family)
