"""What becomes of an active fault when its lab is taken down."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from sage_lab.errors import CommandTimeoutError, LabError, MachineError, NodeStateError, SweepError
from sage_lab.faults import record
from sage_lab.faults.fault import Fault
from sage_lab.faults.lease import end_lease
from sage_lab.lab import Lab
from sage_lab.ledger import Left, undoes
from sage_lab.state import read_description


@undoes(record.LEDGER_KIND, owns=lambda lab, target: Path(target) == record.path_of(lab, Path(target).stem))
def discard_fault(target: str) -> bool | Left:
    """Forget an active fault; what it did goes with the node that it is on.

    A machine that existed before the lab does not go: there the fault is healed. One that does not answer keeps
    nobody from taking the lab down: the answer says what was left there.
    """
    path = Path(target)
    if not path.exists():
        return False
    left = _heal(path) if _machines_stay(path.parent.parent) else None
    path.unlink(missing_ok=True)
    return left or True


def _machines_stay(lab: Path) -> bool:
    return (read_description(lab) or {}).get("provider") == "static"


def _heal(path: Path) -> Left | None:
    """Heal the fault where its machines answer; raises SweepError when that does not succeed."""
    try:
        what = next(one for one in record.read_all(path.parent.parent) if one.id == path.stem)
        try:
            lab = Lab.attach(path.parent.parent.name)
        except MachineError as error:  # its name is gone too
            return Left(f"'{what.kind}' on {', '.join(what.targets)}: {error.where}: {error.what}")
        gone = [node for node in what.targets if not _answers(lab, node)]
        if rest := tuple(node for node in what.targets if node not in gone):
            Fault(lab, replace(what, targets=rest)).heal()
        end_lease(lab.directory, what.id)
    except LabError as error:
        raise SweepError(f"the fault is not healed: {error}", where=str(path), fix="heal it by hand") from error
    return Left(f"'{what.kind}' on {', '.join(gone)}: the machine does not answer") if gone else None


def _answers(lab: Lab, node: str) -> bool:
    try:
        lab.run(node, ["true"], user="sage")
    except (NodeStateError, MachineError, CommandTimeoutError):
        return False
    return True
