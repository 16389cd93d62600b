"""Injecting a fault, and the faults that are active: from the ledger, whoever injected them."""

from __future__ import annotations

from sage_lab.errors import LabError
from sage_lab.faults import record
from sage_lab.faults.catalogue import kind_of
from sage_lab.faults.errors import FaultNotHealedError, FaultOptionError, FaultUnsupportedError, UnknownFaultError
from sage_lab.faults.fault import Fault
from sage_lab.faults.options import complete
from sage_lab.lab import Lab

LEASE = 300.0
"""Seconds after which a fault heals itself, unless it was to last longer."""


def inject(
    lab: Lab, kind: str, *targets: str, duration: float | None = None, lease: float = LEASE, **options: object
) -> Fault:
    """Inject a fault into the targets at once, and return it when its effect is seen from outside.

    It heals itself after the longer of ``duration`` and ``lease`` (seconds), even if this process is killed;
    nothing else is done with ``duration``. Raises FaultNotEffectiveError, which means that a test is inconclusive;
    FaultUnsupportedError, FaultOptionError, UnknownFaultError, UnknownNodeError before anything is done.
    """
    entry = kind_of(kind)
    wanted = tuple(dict.fromkeys(lab.node(target).name for target in targets))
    if not wanted:
        raise FaultOptionError("no target is named", where=entry.name, fix=f"name nodes: {lab.nodes[0].name}, ...")
    values = complete(entry, options)
    if reason := entry.supported(lab):
        raise FaultUnsupportedError(f"'{entry.name}' is not possible here: {reason}", where=f"lab {lab.name}")
    fault = Fault.set_up(lab, entry, wanted, values, lease=max(duration or 0.0, lease))
    fault.inject()
    return fault


def active(lab: Lab) -> list[Fault]:
    """Every fault that is not healed, the oldest first, whoever injected it."""
    return [Fault(lab, what) for what in record.read_all(lab.directory)]


def find(lab: Lab, fault: str) -> Fault:
    """The active fault of that id; raises UnknownFaultError."""
    found = active(lab)
    for one in found:
        if one.id == fault:
            return one
    known = ", ".join(one.id for one in found) or "none"
    raise UnknownFaultError(f"no fault {fault!r} is active", where=f"lab {lab.name}", fix=f"active: {known}")


def heal_all(lab: Lab, timeout: float = 30.0) -> list[Fault]:
    """Heal every active fault, the newest first, and return them.

    One that does not heal keeps no other from being healed; raises FaultNotHealedError that names all of them.
    """
    healed: list[Fault] = []
    failed: list[LabError] = []
    for fault in reversed(active(lab)):
        try:
            fault.heal(timeout)
            healed.append(fault)
        except LabError as error:
            failed.append(error)
    if failed:
        raise FaultNotHealedError("\n".join(str(error) for error in failed), where=f"lab {lab.name}")
    return healed
