"""Notices a dead, hung or cut-off node and brings it back, with back-off and a limit; never against a person's will."""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Any

from sage_cluster.config.file import identity
from sage_cluster.config.schema import RecoveryConfig
from sage_cluster.context import ClusterContext
from sage_cluster.errors import ConfigError
from sage_cluster.nodes.agent import RayNodes
from sage_cluster.nodes.spec import RayNode, head_node, worker_nodes
from sage_cluster.operations.membership import Start
from sage_cluster.supervision.health import REJOIN_SECONDS, Health, NodeRecord, Repair, Verdict, backoff, judge
from sage_cluster.supervision.repair import Outcome, Repairer
from sage_cluster.supervision.signals import NodeSignals, RaysView
from sage_cluster.supervision.watcher import NodeWatcher
from sage_cluster.waiting import Deadline

TICK_SECONDS = 0.1
CONFIG_SECONDS = 1.0
GONE_SECONDS = 3.0
PAUSE_SECONDS = 1.0
RESUME_SECONDS = 5.0
"""How long after a pause of its own a node's silence says nothing: connections may have to be made anew."""
REPAIRS_AT_ONCE = 8
REST_FACTOR = 10
"""Judging all nodes is followed by a rest so many times as long as the processor time it took."""
SWITCH_SECONDS = 0.05
"""With Python's own 5 ms, a thousand threads that wait for the interpreter ask for it 200,000 times a second."""

log = logging.getLogger(__name__)
Publish = Callable[[dict[str, dict[str, Any]]], None]
"""Called with every node's ``state`` and ``reason``, by name, whenever one changes."""


class Supervisor:
    """Watches the wanted nodes of one cluster and repairs them. Everything it sees and does goes to the journal."""

    def __init__(self, context: ClusterContext, publish: Publish) -> None:
        self._context = context
        self._journal = context.journal
        self._nodes = RayNodes(context.pool)
        self._repairer = Repairer(context.with_own_connections())
        self._publish = publish
        self._signals = NodeSignals()
        self._rays_view = RaysView()
        self._records: dict[str, NodeRecord] = {}
        self._watchers: dict[str, NodeWatcher] = {}
        self._executor = ThreadPoolExecutor(max_workers=REPAIRS_AT_ONCE, thread_name_prefix="repair")
        self._repairs: list[tuple[dict[str, Repair], Future[Outcome]]] = []
        self._starts: dict[str, Start] = {}
        self._settings = RecoveryConfig()
        self._look_again, self._rest = Deadline(0), Deadline(0)
        self._was_busy = self._unpublished = False
        self._refused = ""
        self._gone: Deadline | None = None
        self._awake = 0.0
        self._defects: dict[str, str] = {}
        self._ended = threading.Event()

    def stop(self) -> None:
        """Let `run` return soon."""
        self._ended.set()

    def run(self) -> None:
        """Supervise until `stop`, or until the configuration is gone. The process is taken to do nothing else."""
        self._journal.record("supervisor started")
        self._awake = time.clock_gettime(time.CLOCK_BOOTTIME)
        sys.setswitchinterval(SWITCH_SECONDS)
        while not (reason := self._reason_to_end()):
            if not self._attempt("a turn", self._turn):
                self._ended.wait(TICK_SECONDS)
        for watcher in self._watchers.values():
            watcher.stop()
        self._executor.shutdown(wait=True, cancel_futures=True)
        self._repairer.close()
        self._context.close()
        self._journal.record("supervisor stopped", reason=reason)

    def _reason_to_end(self) -> str:
        """Why it ends; empty as long as it does not. An editor that saves the configuration moves it away first."""
        if self._ended.is_set():
            return "it was told to"
        if identity(self._context.config.path):
            self._gone = None
            return ""
        self._gone = self._gone or Deadline(GONE_SECONDS)
        return f"the configuration has been gone for {GONE_SECONDS:g} s" if self._gone.passed() else ""

    def _turn(self) -> None:
        """Hear, look at the configuration, judge, publish; what goes wrong in one is told and hinders none after it."""
        self._notice_pause()
        ended = self._signals.update(self._records, TICK_SECONDS)
        busy, was_busy = self._somebody_operates(), self._was_busy
        self._was_busy = busy
        # An operation may have changed who is wanted: nothing is judged by what was true before it.
        if (was_busy and not busy) or self._look_again.passed():
            self._look_again = Deadline(CONFIG_SECONDS)
            self._attempt("looking at the configuration", self._look)
        # The end of a process is judged at once, but not all nodes each time: that would be their number squared.
        if not busy and self._rest.passed():
            used = time.thread_time()
            self._attempt("judging", lambda: self._judge(list(self._records.values()), self._settings))
            self._rest = Deadline(max(TICK_SECONDS, REST_FACTOR * (time.thread_time() - used)))
        elif not busy and ended:
            names = {*ended, head.name} if (head := self._head()) else ended
            records = [record for name in names if (record := self._records.get(name))]
            self._attempt("judging", lambda: self._judge(records, self._settings))
        if self._unpublished:
            self._attempt("publishing", self._publish_states)

    def _attempt(self, part: str, work: Callable[[], None]) -> bool:
        """Do a part of the work, which is begun anew the next time; whether it was done.

        An error of whatever kind is told once: a supervisor that ends helps nobody.
        """
        try:
            work()
        except Exception as error:  # noqa: BLE001 - see above
            self._tell_defect(part, f"{type(error).__name__}: {error}", error)
            return False
        self._defects.pop(part, None)
        return True

    def _tell_defect(self, part: str, said: str, error: Exception | None = None) -> None:
        if self._defects.get(part) != said:
            self._defects[part] = said
            self._journal.record("supervisor error", part=part, error=said)
            log.warning("%s failed and is begun anew: %s", part, said, exc_info=error)

    def _notice_pause(self) -> None:
        """After a pause of its own (SIGSTOP, a laptop's sleep) it is not the nodes that were silent."""
        before, self._awake = self._awake, time.clock_gettime(time.CLOCK_BOOTTIME)
        pause = self._awake - before
        if pause <= max(PAUSE_SECONDS, self._settings.suspect_after / 2):
            return
        self._journal.record("paused", seconds=round(pause, 3))
        for record in self._records.values():
            record.forget_heard(time.monotonic() + RESUME_SECONDS)

    def _look(self) -> None:
        """Watch exactly the wanted nodes of the configuration; a broken configuration changes nothing."""
        if self._gone:
            return
        try:
            config = self._context.config.load()
        except ConfigError as error:
            if str(error) != self._refused:
                self._refused = str(error)
                self._journal.record("configuration refused", error=self._refused)
            return
        self._refused = ""
        self._settings = config.recovery
        wanted = self._context.membership.starts()
        nodes: dict[str, RayNode] = {n.name: n for n in (head_node(config), *worker_nodes(config)) if n.name in wanted}
        gone = set(self._watchers) - set(nodes)
        for name in gone:
            self._watchers.pop(name).stop()
            del self._records[name]
            self._journal.record("let go", node=name)
        if gone:
            self._unpublished = True
        for node in nodes.values():
            self._attempt(f"watching {node.name}", partial(self._look_at, node, wanted[node.name]))
        self._starts = wanted

    def _look_at(self, node: RayNode, start: Start) -> None:
        watcher = self._watchers.get(node.name)
        if watcher is None:
            self._watch(NodeRecord(node.name, node.role, time.monotonic()), node)
        elif not watcher.watches(node, self._settings.beat):
            self._watch_anew(node, "its configuration changed")
        elif not watcher.is_alive():
            self._watch_anew(node, "its watch had ended")
        record = self._records[node.name]
        if record.watch_error:
            self._tell_defect(f"the watch of {node.name}", record.watch_error)
            record.watch_error = ""
        if watcher and start != self._starts.get(node.name) and start.pid != os.getpid():
            self._reset(record)

    def _watch(self, record: NodeRecord, node: RayNode) -> None:
        heard = partial(self._signals.put, record)
        self._records[node.name] = record
        self._watchers[node.name] = NodeWatcher(node, self._nodes, self._settings.beat, heard)
        self._watchers[node.name].start()

    def _watch_anew(self, node: RayNode, reason: str) -> None:
        """Watch the node by a new watcher; what the old one heard, or still hears, may be about another place."""
        self._watchers[node.name].stop(node)
        self._journal.record("watched anew", node=node.name, reason=reason)
        record = replace(self._records[node.name], role=node.role)
        record.forget_heard(time.monotonic())
        self._watch(record, node)

    def _reset(self, record: NodeRecord) -> None:
        """A person started the node again: what was tried before does not count any more."""
        record.reset(time.monotonic())
        if record.state is Health.QUARANTINED:
            self._set_state(record, Health.SUSPECT, "a person started it again")
        self._unpublished = True

    def _somebody_operates(self) -> bool:
        """Whether a person's operation runs: what ends now, ends on purpose."""
        holder = self._context.operations.current()
        return holder is not None and holder["pid"] != os.getpid()

    def _judge(self, records: list[NodeRecord], settings: RecoveryConfig) -> None:
        self._finish_repairs(settings)
        self._notice_pause()  # most likely while it was waiting for what it is about to judge by
        under_repair = {name for names, _ in self._repairs for name in names}
        now = time.monotonic()
        ray = self._rays_view.of(self._head(), now, settings)
        head_is_away = self._head_is_away()
        due: dict[str, Repair] = {}

        def judge_one(record: NodeRecord) -> None:
            if head_is_away and settings.keep_workers and record.role == "worker":
                record.rejoin_by = now + REJOIN_SECONDS
            verdict = judge(record, ray, now, settings)
            self._note(record, verdict, now, settings)
            if verdict.repair is Repair.DASHBOARD:
                self._respawn_dashboard(record, now, settings)
            elif verdict.repair and record.state is not Health.QUARANTINED and now >= record.next_attempt:
                due[record.name] = verdict.repair

        for record in records:
            if record.name in under_repair or record.is_new(now, settings):
                continue
            if not self._attempt(f"judging {record.name}", partial(judge_one, record)):
                record.forget_heard(now)  # what cannot be judged is not judged again
        head = next((name for name in due if self._records[name].role == "head"), None)
        if head and not self._repairs:
            self._begin_repair({head: due[head]}, settings)  # it takes the workers along
        elif due and not head and not self._head_is_away():
            self._begin_repair(due, settings)

    def _head_is_away(self) -> bool:
        """Whether the head is known not to work. A worker cannot start without it, so each has to wait for it."""
        head = self._head()
        return head is not None and head.state in (Health.LOST, Health.RECOVERING, Health.QUARANTINED)

    def _head(self) -> NodeRecord | None:
        """The head's record, if it is watched; the first in the configuration, so nearly always here."""
        return next((record for record in self._records.values() if record.role == "head"), None)

    def _note(self, record: NodeRecord, verdict: Verdict, now: float, settings: RecoveryConfig) -> None:
        """Keep the verdict; a change of state is an event."""
        if verdict.state is Health.RUNNING:
            record.unwell_since = None
            record.running_since = record.running_since or now
            if now - record.running_since >= settings.stable_after:
                record.attempts, record.respawns, record.tried = 0, 0, []
        else:
            record.running_since = None
            record.unwell_since = record.unwell_since or now
            if record.state is Health.QUARANTINED:
                return
        self._set_state(record, verdict.state, verdict.reason)

    def _set_state(self, record: NodeRecord, state: Health, reason: str = "") -> None:
        changed, record.state, record.reason = record.state is not state, state, reason
        if not changed:
            return
        self._journal.record("observed", node=record.name, state=state.value, reason=reason)
        self._unpublished = True

    def _publish_states(self) -> None:
        """Once for all changes of a turn: each tells of all nodes."""
        known = [r for r in self._records.values() if r.state]
        self._publish({r.name: {"state": r.state, "reason": r.reason, "tried": r.tried} for r in known})
        self._unpublished = False  # only now: what could not be written is written the next time

    def _begin_repair(self, due: dict[str, Repair], settings: RecoveryConfig) -> None:
        now = time.monotonic()
        for name, repair in list(due.items()):
            record = self._records[name]
            if record.attempts >= settings.attempts:
                del due[name]
                self._journal.record("quarantined", node=name, tried=record.tried)
                tried = "; ".join(record.tried)
                self._set_state(record, Health.QUARANTINED, f"{record.attempts} repairs did not help ({tried})")
                continue
            record.attempts += 1
            record.next_attempt = now + backoff(record.attempts, settings)
            self._journal.record("decided", node=name, action=repair.value, reason=record.reason)
        if not due:
            return
        for name in due:
            self._set_state(self._records[name], Health.RECOVERING, "a repair is under way")
        self._repairs.append((due, self._executor.submit(self._repairer.repair, due)))

    def _respawn_dashboard(self, record: NodeRecord, now: float, settings: RecoveryConfig) -> None:
        """Run the dashboard again. It is no reason to give a node up: after the last attempt only that is told."""
        if now < record.next_respawn or record.respawns > settings.attempts:
            return
        record.respawns += 1
        if record.respawns > settings.attempts:
            self._journal.record("given up", node=record.name, action=Repair.DASHBOARD.value, reason=record.reason)
            return
        record.next_respawn = now + backoff(record.respawns, settings)
        self._journal.record("decided", node=record.name, action=Repair.DASHBOARD.value, reason=record.reason)
        self._watchers[record.name].wish("respawn dashboard")
        self._journal.record("repairing", node=record.name, action=Repair.DASHBOARD.value)

    def _finish_repairs(self, settings: RecoveryConfig) -> None:
        """Take in how repairs ended. A node that was not repaired keeps its turn."""
        for done, repair in [entry for entry in self._repairs if entry[1].done()]:
            self._repairs.remove((done, repair))
            error = repair.exception()
            if error:
                said = f"{type(error).__name__}: {error}"
                self._journal.record("supervisor error", part=f"repairing {', '.join(done)}", error=said)
            self._update_after(done, Outcome(dict.fromkeys(done, said)) if error else repair.result(), settings)

    def _update_after(self, done: dict[str, Repair], outcome: Outcome, settings: RecoveryConfig) -> None:
        now = time.monotonic()
        for name, how in done.items():
            record = self._records.get(name)
            if record is None:
                continue
            if outcome.deferred:
                record.attempts -= 1
                record.next_attempt = now + settings.backoff
            else:
                said = outcome.said.get(name, "not wanted any more")
                record.tried.append(f"{how.value}: {said.splitlines()[0]}")
            record.forget_heard(now)
