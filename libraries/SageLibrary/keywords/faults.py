"""Words for breaking things on purpose, and for judging how the cluster took it."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

from robot.api import SkipExecution, logger
from robot.api.deco import keyword

from sage_cluster.nodes.spec import head_node, worker_nodes
from sage_cluster.supervision.health import Health
from sage_lab.faults import Fault, FaultKind, heal_all, inject, kind_of
from SageLibrary.arguments.node_name import NodeName
from SageLibrary.arguments.target import Target
from SageLibrary.keywords.component import Component
from SageLibrary.waiting import stretched, wait_until

HEALTHY = timedelta(seconds=120)
AT_ONCE = timedelta(seconds=0)
EVENTS = 2000


class FaultKeywords(Component):
    """Faults, and how the cluster takes them."""

    @keyword
    def fault_should_be_repaired(
        self,
        kind: FaultKind,
        target: Target,
        lasting: timedelta = AT_ONCE,
        noticed: timedelta = timedelta(seconds=5),
        repaired: timedelta = timedelta(seconds=60),
    ) -> None:
        """The supervisor notices the fault, repairs the target, and everything runs again.

        ``lasting``: how long the fault stays. ``noticed`` counts from when it hit the first target, ``repaired`` from
        its end.

        | Fault Should Be Repaired | raylet killed | one worker | 0 s | noticed=1 s | repaired=30 s |
        """
        decisions = self._live_through(kind, target, lasting, noticed, repaired)
        if not decisions:
            raise AssertionError(f"the repairs decided after '{kind.value}' were none, should be at least one")

    @keyword
    def fault_should_be_waited_out(
        self,
        kind: FaultKind,
        target: Target,
        lasting: timedelta,
        noticed: timedelta = timedelta(seconds=5),
        over: timedelta = timedelta(seconds=30),
    ) -> None:
        """The supervisor notices the fault, restarts nothing, and everything runs again ``over`` after its end."""
        decisions = self._live_through(kind, target, lasting, noticed, over)
        if decisions:
            raise AssertionError(f"the repairs decided during '{kind.value}' were {decisions}, should be none")

    @keyword
    def fault_should_be_reported(
        self,
        kind: FaultKind,
        target: Target,
        lasting: timedelta,
        reason: str,
        noticed: timedelta = timedelta(seconds=5),
    ) -> None:
        """The supervisor calls the target suspect, with this in its reason, and repairs nothing.

        | Fault Should Be Reported | sshd down | one worker | 6 s | sshd does not listen |
        """
        decisions = self._live_through(kind, target, lasting, noticed, HEALTHY, reason)
        if decisions:
            raise AssertionError(f"the repairs decided during '{kind.value}' were {decisions}, should be none")

    @keyword
    def fault_should_do_no_harm(self, kind: FaultKind, target: Target, lasting: timedelta) -> None:
        """Every node is called running as long as the fault lasts and afterwards: no false alarm, no repair."""
        self._supervisor_should_see_all_run()
        began = time.monotonic()
        fault = self._inject(kind, target, lasting)
        try:
            self._let_it_last(began, lasting)
        finally:
            fault.heal()
        self._everything_should_run()
        alarms = [f"{e['node']}: {e['state']}: {e['reason']}" for e in self._events(began, "observed")]
        if alarms:
            raise AssertionError(f"the alarms during '{kind.value}' were {alarms}, should be none")

    @keyword
    def fault_should_come_and_go(self, kind: FaultKind, target: Target) -> None:
        """The fault takes effect, seen from outside, and is healed, seen from outside; no cluster is asked.

        | Fault Should Come And Go | kernel panic | one worker |
        """
        self._inject(kind, target, AT_ONCE).heal()

    @keyword
    def inject_fault(self, kind: FaultKind, target: Target) -> None:
        """Break something and see that it is broken; `Heal Every Fault` mends it, a lease on the node does in any case.

        A fault that does not take effect makes the test inconclusive; one that this lab cannot do skips it.
        """
        self._inject(kind, target, AT_ONCE)

    @keyword
    def heal_every_fault(self) -> None:
        """Mend everything that is broken. A node that is gone counts as mended."""
        for fault in heal_all(self.stage.lab):
            logger.info(f"healed: {fault.kind.value} on {', '.join(fault.targets)}")

    @keyword
    def everything_should_run(self, within: timedelta = HEALTHY) -> None:
        """The supervisor calls every node running, and so do the node and Ray."""
        self._everything_should_run(within)

    @keyword
    def node_should_be_supervised_as(self, node: NodeName, state: Health, within: timedelta) -> None:
        """The supervisor calls a node running, suspect, lost, recovering or quarantined within a time."""
        wait_until(
            f"the supervisor's word for {node}",
            lambda: self._words().get(node, "none"),
            lambda seen: seen == state.value,
            within,
            state.value,
        )

    @keyword
    def worker_should_be_back_without_help(self, worker: NodeName, within: timedelta) -> None:
        """A worker is active again within a time, and nobody did anything but the supervisor."""
        wait_until(
            f"the active workers (waiting for {worker})",
            lambda: self.stage.cluster.status_cluster().active_workers,
            lambda active: worker in active,
            within,
            worker,
        )

    @keyword
    def simulate_failure(self, worker: NodeName) -> None:
        """Kill a worker's raylet as a crash would."""
        self.stage.cluster.workers.simulate_failure(worker)

    def _live_through(
        self, kind: FaultKind, target: Target, lasting: timedelta, noticed: timedelta, over: timedelta, reason: str = ""
    ) -> list[str]:
        """Inject, see it noticed, heal, see it over. Returns the repairs that were decided."""
        self._supervisor_should_see_all_run()
        fault = self._inject(kind, target, lasting)
        began = min(fault.acted.values())
        self.stage.timeline.ask(fault.id, stretched(noticed).total_seconds(), stretched(over).total_seconds())
        try:
            first = self._first_alarm(fault, began, noticed, reason)
            self._let_it_last(began, lasting)
        finally:
            fault.heal()
        ended = time.monotonic() if lasting else began
        self._everything_should_run(over)
        logger.info(
            f"'{kind.value}' on {', '.join(fault.targets)}: noticed after {first - began:.2f} s, "
            f"everything ran {time.monotonic() - ended:.1f} s after {'its end' if lasting else 'it'}"
        )
        return [f"{e['node']}: {e['action']}" for e in self._events(began, "decided")]

    def _inject(self, kind: FaultKind, target: Target, lasting: timedelta) -> Fault:
        reason = kind_of(kind).supported(self.stage.lab)
        if reason:
            raise SkipExecution(f"this lab cannot do '{kind.value}': {reason}")
        lab = self.stage.lab
        return inject(lab, kind, *target.nodes(lab.nodes), duration=lasting.total_seconds() or None)

    def _first_alarm(self, fault: Fault, began: float, noticed: timedelta, reason: str) -> float:
        def alarms() -> list[tuple[float, str, str]]:
            observed = self._events(began, "observed")
            seen = [e for e in observed if e["node"] in fault.targets and e["state"] != "running"]
            return [(e["monotonic"], e["node"], f"{e['state']}: {e['reason']}") for e in seen]

        def are_right(found: list[tuple[float, str, str]]) -> bool:
            return any(reason in said for _, _, said in found)

        most = stretched(noticed).total_seconds()
        left = noticed + timedelta(seconds=1)
        should = f"at least one{f' that says {reason!r}' if reason else ''}"
        found = wait_until(f"the alarms over '{fault.kind.value}'", alarms, are_right, left, should)
        first = next(at for at, _, said in found if reason in said)
        if first - began > most:
            raise AssertionError(f"it was noticed after {first - began:.2f} s, should be {most:g} s")
        return first

    @staticmethod
    def _let_it_last(began: float, lasting: timedelta) -> None:
        left = began + lasting.total_seconds() - time.monotonic()
        if left > 0:
            time.sleep(left)

    def _events(self, since: float, kind: str) -> list[dict[str, Any]]:
        journal = self.stage.operations.journal.last(EVENTS)
        return [event for event in journal if event["event"] == kind and event["monotonic"] >= since]

    def _words(self) -> dict[str, str]:
        return {name: said["state"] for name, said in self.stage.supervision.states().items()}

    def _supervisor_should_see_all_run(self, within: timedelta = HEALTHY) -> None:
        config = self.stage.cluster.config.load()
        names = {node.name for node in (head_node(config), *worker_nodes(config))}
        wait_until(
            "the supervisor's words",
            self._words,
            lambda words: set(words) == names and set(words.values()) == {"running"},
            within,
            "running everywhere",
        )

    def _everything_should_run(self, within: timedelta = HEALTHY) -> None:
        self._supervisor_should_see_all_run(within)
        status = self.stage.cluster.status_cluster()
        if not status.healthy:
            raise AssertionError(
                f"the states were {[(n.name, n.state.value) for n in status.nodes]}, should be running"
            )
