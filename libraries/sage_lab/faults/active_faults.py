"""The faults that are active, from the ledger, whoever injected them."""

from __future__ import annotations

from sage_lab.errors import LabError
from sage_lab.faults import record
from sage_lab.faults.errors import FaultNotHealedError, UnknownFaultError
from sage_lab.faults.fault import Fault
from sage_lab.lab import Lab


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
