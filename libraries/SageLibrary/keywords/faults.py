"""Keywords for breaking things on purpose, and for judging how the cluster took it."""

from __future__ import annotations

import time
from datetime import timedelta

from robot.api import SkipExecution, logger
from robot.api.deco import keyword

from sage_cluster import NodeState
from sage_lab import Capability
from sage_lab.faults import Fault, FaultKind, heal_all, inject, kind_of
from SageLibrary.arguments.node_name import NodeName
from SageLibrary.arguments.target import Target
from SageLibrary.context import Stage
from SageLibrary.keywords.breaking import breaks
from SageLibrary.keywords.component import Component
from SageLibrary.keywords.expectations import ExpectationKeywords
from SageLibrary.keywords.nodes import no_process_should_be_left
from SageLibrary.keywords.supervisor import HEALTHY, SupervisorKeywords
from SageLibrary.waiting import stretched, wait_until

AT_ONCE = timedelta(seconds=0)
SHORT_WHILE = timedelta(seconds=10)
END_SECONDS = 10.0
KILL_ALL = """
spared=" $$ "
up=$$
while up=$(ps -o ppid= -p "$up" | tr -d " ") && [ "${up:-0}" -gt 1 ]; do spared="$spared$up "; done
for signal in STOP KILL; do
    for process in $(ps -u "$(id -u)" -o pid=); do
        case "$spared" in *" $process "*) ;; *) kill -s "$signal" "$process" 2>/dev/null ;; esac
    done
done
"""
"""Kills every process of its user but the shell that runs it and those that this shell came from: it may be an SSH
session. All are stopped first, so that none starts another one meanwhile; one that ended by itself is no failure."""

TAKE_PORT = """
import os, signal, socket, sys
taken = socket.socket()
taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
taken.bind(("0.0.0.0", int(sys.argv[1])))
taken.listen()
if os.fork():
    os._exit(0)
os.setsid()
os.write(1, str(os.getpid()).encode())
nothing = os.open(os.devnull, os.O_WRONLY)
os.dup2(nothing, 1)
os.dup2(nothing, 2)
signal.pause()
"""
"""Listens on a port from a process of its own, whose pid it writes, and which lets go of the terminal."""


class FaultKeywords(Component):
    """Faults, and how the cluster takes them."""

    def __init__(self, stage: Stage) -> None:
        super().__init__(stage)
        self._supervisor = SupervisorKeywords(stage)
        self._expectations = ExpectationKeywords(stage)

    @keyword(tags=breaks())
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

    @keyword(tags=breaks())
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

    @keyword(tags=breaks())
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

    @keyword(tags=breaks())
    def fault_should_do_no_harm(self, kind: FaultKind, target: Target, lasting: timedelta) -> None:
        """Every node is called running as long as the fault lasts and afterwards: no false alarm, no repair."""
        self._supervisor.every_node_should_be_seen_running()
        began = time.monotonic()
        fault = self._inject(kind, target, lasting)
        try:
            self._let_it_last(began, lasting)
        finally:
            fault.heal()
        self._supervisor.everything_should_run()
        alarms = [f"{e['node']}: {e['state']}: {e['reason']}" for e in self.events("observed", since=began)]
        if alarms:
            raise AssertionError(f"the alarms during '{kind.value}' were {alarms}, should be none")

    @keyword(tags=breaks())
    def fault_should_come_and_go(self, kind: FaultKind, target: Target) -> None:
        """The fault takes effect, seen from outside, and is healed, seen from outside; no cluster is asked.

        | Fault Should Come And Go | kernel panic | one worker |
        """
        self._inject(kind, target, AT_ONCE).heal()

    @keyword(tags=breaks())
    def fault_should_show_as(
        self, kind: FaultKind, target: Target, node: NodeName, state: NodeState, within: timedelta = SHORT_WHILE
    ) -> None:
        """While the fault lasts, the managers' status has the node in this state; the fault is healed then.

        It begins with a start of the cluster, so that every node runs. The supervisor has to be off: it would repair.

        | Fault Should Show As | gcs stopped | the head | worker-1 | unregistered |
        """
        started = self.stage.cluster.start_cluster()
        if not started.success:
            raise AssertionError(f"before '{kind.value}' the cluster did not start:\n{started.message}")
        fault = self._inject(kind, target, AT_ONCE)
        try:
            self._expectations.node_should_be(node, state, within)
        finally:
            fault.heal()

    @keyword(tags=breaks(left_broken=True))
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

    @keyword(tags=breaks("raylet killed"))
    def simulate_failure(self, worker: NodeName) -> None:
        """Kill a worker's raylet as a crash would."""
        self.stage.cluster.workers.simulate_failure(worker)

    @keyword(tags=breaks("unplugged"))
    def link_flaps(self, node: NodeName, times: int, down: timedelta, up: timedelta) -> None:
        """A node's cluster link goes down and comes up again, so many times; it is up at the end."""
        self.need(Capability.UNPLUG)
        for _ in range(times):
            with inject(self.stage.lab, FaultKind.UNPLUGGED, node, duration=down.total_seconds()):
                time.sleep(down.total_seconds())
            time.sleep(up.total_seconds())

    @keyword(tags=breaks("everything killed"))
    def everything_on_node_is_killed(self, *nodes: NodeName) -> None:
        """Kill -9 every process of the cluster's user on these nodes: an unclean death that leaves its files."""
        for node in nodes:
            self.run_on(node, ["sh", "-c", KILL_ALL], "sage", END_SECONDS)
        for node in nodes:  # one that was killed takes a moment to end
            no_process_should_be_left(self.stage.lab, node)

    @keyword(tags=breaks("port taken", left_broken=True))
    def port_is_taken_by_another_program(self, node: NodeName, port: int) -> int:
        """Let a program that is not Ray listen on a port of a node. Returns its pid, for `Free The Port`."""
        done = self.run_on(node, ["python3", "-c", TAKE_PORT, str(port)], "sage", END_SECONDS)
        return int(done.stdout)

    @keyword
    def free_the_port(self, node: NodeName, pid: int) -> None:
        """End the program that `Port Is Taken By Another Program` started."""
        self.shell_on(node, f"kill {pid}")

    def _live_through(
        self, kind: FaultKind, target: Target, lasting: timedelta, noticed: timedelta, over: timedelta, reason: str = ""
    ) -> list[str]:
        """Inject, see it noticed, heal, see it over. Returns the repairs that were decided."""
        self._supervisor.every_node_should_be_seen_running()
        fault = self._inject(kind, target, lasting)
        began = min(fault.injected_at.values())
        try:
            self.stage.timeline.ask(fault.id, stretched(noticed).total_seconds(), stretched(over).total_seconds())
            first = self._first_alarm(fault, began, noticed, reason)
            self._let_it_last(began, lasting)
        finally:
            fault.heal()
        ended = time.monotonic() if lasting else began
        self._supervisor.everything_should_run(over)
        logger.info(
            f"'{kind.value}' on {', '.join(fault.targets)}: noticed after {first - began:.2f} s, "
            f"everything ran {time.monotonic() - ended:.1f} s after {'its end' if lasting else 'it'}"
        )
        return [f"{e['node']}: {e['action']}" for e in self.events("decided", since=began)]

    def _inject(self, kind: FaultKind, target: Target, lasting: timedelta) -> Fault:
        reason = kind_of(kind).supported(self.stage.lab)
        if reason:
            raise SkipExecution(f"this lab cannot do '{kind.value}': {reason}")
        lab = self.stage.lab
        return inject(lab, kind, *target.nodes(lab.nodes), duration=lasting.total_seconds() or None)

    def _first_alarm(self, fault: Fault, began: float, noticed: timedelta, reason: str) -> float:
        def alarms() -> list[tuple[float, str, str]]:
            observed = self.events("observed", since=began)
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
