"""Injecting a fault: everything from the wish to the seen effect."""

from __future__ import annotations

import secrets

from sage_lab.errors import LabError
from sage_lab.faults import events, record
from sage_lab.faults.catalogue import kind_of
from sage_lab.faults.errors import FaultNotEffectiveError, FaultOptionError, FaultUnsupportedError
from sage_lab.faults.fault import Fault, each
from sage_lab.faults.kinds import FaultKind, Kind
from sage_lab.faults.lease import start_lease
from sage_lab.faults.options import complete
from sage_lab.faults.record import Record
from sage_lab.lab import Lab

LEASE = 300.0
"""Seconds after which a fault heals itself, unless it was to last longer."""


def inject(
    lab: Lab,
    kind: FaultKind | str,
    *targets: str,
    duration: float | None = None,
    lease: float = LEASE,
    **options: object,
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
    fault_id = secrets.token_hex(4)
    what = Record(fault_id, entry.kind, wanted, values, max(duration or 0.0, lease))
    fault = Fault(lab, _with_plans(lab, entry, what))
    record.write(lab.directory, fault.record)
    if not entry.means.on_node:
        try:
            start_lease(lab.directory, fault_id, what.lease)
        except BaseException:
            record.remove(lab.directory, fault_id)  # nothing was done yet
            raise
    fault.strike()
    return fault


def _with_plans(lab: Lab, kind: Kind, what: Record) -> Record:
    def prepare(node: str) -> dict[str, object]:
        return kind.means.prepare(lab, node, what.id, what.targets, what.options)

    try:
        plans = each(what.targets, prepare)
    except FaultOptionError:
        raise
    except LabError as error:
        events.write(lab.directory, "ineffective", what.id, kind.name, what.targets, reason=str(error))
        raise FaultNotEffectiveError(
            f"'{kind.name}' cannot be injected: {error.what}", where=error.where, fix=error.fix
        ) from error
    return Record(
        what.id, what.kind, what.targets, what.options, what.lease, dict(zip(what.targets, plans, strict=True))
    )
