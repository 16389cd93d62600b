"""Faults of a whole node: made from outside of it."""

from __future__ import annotations

from sage_lab.errors import LabError, NodeStateError
from sage_lab.faults.kinds import Family, FaultKind, Kind, Plan
from sage_lab.faults.means import ByLab
from sage_lab.lab import Lab
from sage_lab.providers.sshd import greeting

_SILENCE = 0.5


def _runs(lab: Lab, node: str, _: Plan) -> str:
    """The node works and its SSH server answers, by the control link."""
    try:
        lab.run(node, ["true"])
        lab.inside(lambda: greeting(lab.node(node).control_address, _SILENCE))
    except (NodeStateError, OSError) as error:
        return str(error)
    return ""


def _is_dead(lab: Lab, node: str, _: Plan) -> str:
    """The node does no work, and nobody answers on its control link."""
    try:
        lab.run(node, ["true"])
    except NodeStateError:
        try:
            lab.inside(lambda: greeting(lab.node(node).control_address, _SILENCE))
        except OSError:
            return ""
        return "the SSH server answers"
    return "the node runs commands"


def _boot(lab: Lab, node: str) -> Plan:
    return {"boot": _first_process(lab, node)}


def _first_process(lab: Lab, node: str) -> str:
    """When the node's first process started: another time means another boot."""
    done = lab.run(node, ["cat", "/proc/1/stat"])
    if done.returncode != 0:
        raise LabError(f"cannot tell when it booted: {done.stderr.strip()}", where=node)
    return done.stdout.rpartition(")")[2].split()[19]


def _reboot(lab: Lab, node: str, _: Plan) -> None:
    lab.power_off(node)
    lab.power_on(node)


def _rebooted(lab: Lab, node: str, plan: Plan) -> str:
    return "the node has not booted again" if _first_process(lab, node) == plan["boot"] else ""


KINDS = (
    Kind(
        FaultKind.POWER_CUT,
        Family.NODE,
        "The node loses its power: everything on it ends at once; healing powers it on.",
        ByLab(
            begin=lambda lab, node, _: lab.power_off(node),
            end=lambda lab, node, _: lab.power_on(node),
            effective_probe=_is_dead,
            recovered_probe=_runs,
        ),
    ),
    Kind(
        FaultKind.REBOOT,
        Family.NODE,
        "The node is powered off and on again; what ran on it does not come back by itself.",
        ByLab(
            begin=_reboot,
            end=lambda lab, node, _: lab.power_on(node),
            effective_probe=_rebooted,
            recovered_probe=_runs,
            before=_boot,
        ),
    ),
    Kind(
        FaultKind.FROZEN,
        Family.NODE,
        "Every process of the node stops where it is; healing lets them go on.",
        ByLab(
            begin=lambda lab, node, _: lab.freeze(node),
            end=lambda lab, node, _: lab.thaw(node),
            effective_probe=_is_dead,
            recovered_probe=_runs,
        ),
    ),
)
