"""Faults of a whole node: made from outside of it."""

from __future__ import annotations

from sage_lab.errors import LabError, NodeStateError
from sage_lab.faults.kinds import Family, Kind, Plan
from sage_lab.faults.means import ByLab
from sage_lab.lab import Lab
from sage_lab.providers import Capability
from sage_lab.providers.sshd import greeting

_SILENCE = 0.5
_PANIC = "Kernel panic"
_LET_IT_PANIC = """
echo 1 > /proc/sys/kernel/sysrq
(sleep 0.5; echo c > /proc/sysrq-trigger) </dev/null >/dev/null 2>&1 &
"""
"""Half a second, so that the command has ended before the node does."""


def _greets(lab: Lab, node: str) -> None:
    """Its SSH server answers by the control link; OSError when it does not."""
    target = lab.node(node)
    lab.inside(lambda: greeting(target.control_address, _SILENCE * lab.pace, target.port))


def _runs(lab: Lab, node: str, _: Plan) -> str:
    """The node works and its SSH server answers, by the control link."""
    try:
        lab.run(node, ["true"])
        _greets(lab, node)
    except (NodeStateError, OSError) as error:
        return str(error)
    return ""


def _is_dead(lab: Lab, node: str, _: Plan) -> str:
    """The node does no work, and nobody answers on its control link."""
    try:
        lab.run(node, ["true"])
    except NodeStateError:
        try:
            _greets(lab, node)
        except OSError:
            return ""
        return "the SSH server answers"
    return "the node runs commands"


def _boot(lab: Lab, node: str) -> Plan:
    return {"boot": _first_process(lab, node)}


def _first_process(lab: Lab, node: str) -> str:
    """Which boot of the kernel it is, and when the first process started: another one of both means another boot."""
    done = lab.run(node, ["cat", "/proc/sys/kernel/random/boot_id", "/proc/1/stat"])
    if done.returncode != 0:
        raise LabError(f"cannot tell when it booted: {done.stderr.strip()}", where=node)
    return f"{done.stdout.splitlines()[0]} {done.stdout.rpartition(')')[2].split()[19]}"


def _console(lab: Lab, node: str) -> Plan:
    return {"console": len(lab.node(node).console())}


def _panic(lab: Lab, node: str, _: Plan) -> None:
    lab.run(node, ["sh", "-c", _LET_IT_PANIC])


def _panicked(lab: Lab, node: str, plan: Plan) -> str:
    """The kernel's last words are on the console, and nobody answers."""
    if _PANIC not in lab.node(node).console()[plan["console"] :]:
        return "the console says nothing of a panic"
    try:
        _greets(lab, node)
    except OSError:
        return ""
    return "the SSH server answers"


def _reboot(lab: Lab, node: str, _: Plan) -> None:
    lab.node(node).power_off()
    lab.node(node).power_on()


def _revive(lab: Lab, node: str, plan: Plan) -> None:
    """Off and on; one that runs is left alone."""
    try:
        _greets(lab, node)
    except OSError:
        _reboot(lab, node, plan)


def _rebooted(lab: Lab, node: str, plan: Plan) -> str:
    return "the node has not booted again" if _first_process(lab, node) == plan["boot"] else ""


KINDS = (
    Kind(
        "power cut",
        Family.NODE,
        "The node loses its power: everything on it ends at once; healing powers it on.",
        ByLab(
            begin=lambda lab, node, _: lab.node(node).power_off(),
            end=lambda lab, node, _: lab.node(node).power_on(),
            effective_probe=_is_dead,
            recovered_probe=_runs,
        ),
        needs=Capability.POWER,
    ),
    Kind(
        "reboot",
        Family.NODE,
        "The node is powered off and on again; what ran on it does not come back by itself.",
        ByLab(
            begin=_reboot,
            end=lambda lab, node, _: lab.node(node).power_on(),
            effective_probe=_rebooted,
            recovered_probe=_runs,
            before=_boot,
        ),
        needs=Capability.POWER,
    ),
    Kind(
        "reset",
        Family.NODE,
        "The node's reset button is pressed: it boots without having been shut down.",
        ByLab(
            begin=lambda lab, node, _: lab.node(node).reset(),
            end=_revive,
            effective_probe=_rebooted,
            recovered_probe=_runs,
            before=_boot,
        ),
        needs=Capability.RESET,
    ),
    Kind(
        "kernel panic",
        Family.NODE,
        "The node's kernel panics and stands still; healing cuts the power and gives it back.",
        ByLab(
            begin=_panic,
            end=_revive,
            effective_probe=_panicked,
            recovered_probe=_runs,
            before=_console,
        ),
        needs=Capability.OWN_KERNEL,
    ),
    Kind(
        "frozen",
        Family.NODE,
        "Every process of the node stops where it is; healing lets them go on.",
        ByLab(
            begin=lambda lab, node, _: lab.node(node).freeze(),
            end=lambda lab, node, _: lab.node(node).thaw(),
            effective_probe=_is_dead,
            recovered_probe=_runs,
        ),
        needs=Capability.FREEZE,
    ),
)
