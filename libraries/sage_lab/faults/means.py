"""The two ways to make a fault: on the node, by the agent there, or from outside of it, by the lab."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sage_lab.faults.agent import Work, ask
from sage_lab.faults.kinds import Options, Plan
from sage_lab.faults.on_node import main
from sage_lab.faults.on_node.effect import Effect
from sage_lab.lab import Lab

Probe = Callable[[Lab, str, Plan], str]
"""Looks at a node from outside; nothing when it is as it should be, else what is seen instead."""


@dataclass(frozen=True)
class OnNode:
    """By an effect of ``on_node``, of which only the name goes there. ``fixed`` is what its plan always holds.

    The agent itself looks whether the effect is there, in a new process, and the two probes look from outside.
    """

    effect: type[Effect]
    fixed: Plan = field(default_factory=dict)
    effective_probe: Probe | None = None
    recovered_probe: Probe | None = None
    lasts: bool = False
    """Whether the fault outlives a power cut of the node: it is on the disk."""
    on_node: bool = True

    def prepare(self, lab: Lab, node: str, fault: str, targets: tuple[str, ...], options: Options) -> Plan:
        """Ask the node what the effect will do there."""
        plan = {**self.fixed, **options, **self._more(lab, node, fault, targets, options)}
        answer = self._ask(lab, node, main.prepare, fault, plan)
        prepared: Plan = answer["plan"]
        return prepared

    def inject(self, lab: Lab, node: str, fault: str, plan: Plan, lease: float) -> float:
        """Arm the lease on the node and let the effect begin, in one go."""
        asked = time.monotonic()
        began = float(self._ask(lab, node, main.inject, fault, plan, lease=lease)["injected_at"])
        # Containers share this machine's clock; of a machine with its own we know no better than when it was asked.
        return began if asked <= began <= time.monotonic() else asked

    def heal(self, lab: Lab, node: str, fault: str, plan: Plan) -> None:
        """Let the node undo it and disarm the lease."""
        self._ask(lab, node, main.heal, fault, plan)

    def effective(self, lab: Lab, node: str, fault: str, plan: Plan) -> str:
        """The agent's look, then the probe's."""
        seen = str(self._ask(lab, node, main.effective, fault, plan)["seen"])
        return seen or _probed(self.effective_probe, lab, node, plan)

    def recovered(self, lab: Lab, node: str, fault: str, plan: Plan) -> str:
        """The agent's look, then the probe's."""
        seen = str(self._ask(lab, node, main.recovered, fault, plan)["seen"])
        return seen or _probed(self.recovered_probe, lab, node, plan)

    def _ask(self, lab: Lab, node: str, work: Work, fault: str, plan: Plan, **more: object) -> dict[str, Any]:
        module = self.effect.__module__
        order = {"effect": [module, self.effect.__name__], "fault": fault, "plan": plan, **more}
        return ask(lab, node, work, order, needs=module)

    def _more(self, lab: Lab, node: str, fault: str, targets: tuple[str, ...], options: Options) -> dict[str, Any]:
        """What this machine adds to the plan."""
        del lab, node, fault, targets, options
        return {}


@dataclass(frozen=True)
class ByLab:
    """By something that the lab does to the node from outside; its lease is a process of this machine."""

    begin: Callable[[Lab, str, Plan], None]
    end: Callable[[Lab, str, Plan], None]
    effective_probe: Probe
    recovered_probe: Probe
    before: Callable[[Lab, str], Plan] = lambda _lab, _node: {}
    lasts: bool = True
    on_node: bool = False

    def prepare(self, lab: Lab, node: str, fault: str, targets: tuple[str, ...], options: Options) -> Plan:
        """The node has to run; what it was like before is kept."""
        del fault, targets
        lab.run(node, ["true"])
        return {**options, **self.before(lab, node)}

    def inject(self, lab: Lab, node: str, fault: str, plan: Plan, lease: float) -> float:
        """Do it now."""
        del fault, lease
        injected_at = time.monotonic()
        self.begin(lab, node, plan)
        return injected_at

    def heal(self, lab: Lab, node: str, fault: str, plan: Plan) -> None:
        """Undo it."""
        del fault
        self.end(lab, node, plan)

    def effective(self, lab: Lab, node: str, fault: str, plan: Plan) -> str:
        """What the probe sees."""
        del fault
        return self.effective_probe(lab, node, plan)

    def recovered(self, lab: Lab, node: str, fault: str, plan: Plan) -> str:
        """What the probe sees."""
        del fault
        return self.recovered_probe(lab, node, plan)


def _probed(probe: Probe | None, lab: Lab, node: str, plan: Plan) -> str:
    return probe(lab, node, plan) if probe else ""
