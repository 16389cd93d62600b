"""Notices a dead, hung or cut-off node and brings it back, with back-off and a limit; never against a person's will."""

from __future__ import annotations

import os
import queue
import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from sage_cluster.config_manager import ConfigManager
from sage_cluster.config_model import RecoveryConfig
from sage_cluster.errors import ConfigError
from sage_cluster.membership import Membership
from sage_cluster.node_health import Health, NodeRecord, Repair, Verdict, judge
from sage_cluster.node_watcher import NodeWatcher
from sage_cluster.operations import Operations
from sage_cluster.ray_node import RayNode, RayNodes, head_node, worker_nodes
from sage_cluster.repair import Outcome, Repairer
from sage_cluster.ssh import SshPool

TICK_SECONDS = 0.1
CONFIG_SECONDS = 1.0
REPAIRS_AT_ONCE = 8

Publish = Callable[[dict[str, dict[str, Any]]], None]
"""Called with every node's ``state`` and ``reason``, by name, whenever one changes."""


class Supervisor:
    """Watches the wanted nodes of one cluster and repairs them. Everything it sees and does goes to the journal."""

    def __init__(self, config_manager: ConfigManager, publish: Publish) -> None:
        self._config_manager = config_manager
        self._operations = Operations(config_manager.path)
        self._membership = Membership(config_manager.path)
        self._pool = SshPool(lambda: self._config_manager.load().ssh)
        self._nodes = RayNodes(self._pool)
        self._repairer = Repairer(config_manager, self._operations, self._membership)
        self._publish = publish
        self._signals: queue.SimpleQueue[tuple[str, dict[str, Any]]] = queue.SimpleQueue()
        self._records: dict[str, NodeRecord] = {}
        self._watchers: dict[str, NodeWatcher] = {}
        self._executor = ThreadPoolExecutor(max_workers=REPAIRS_AT_ONCE, thread_name_prefix="repair")
        self._repairs: list[tuple[tuple[str, ...], Future[Outcome]]] = []
        self._ended = threading.Event()

    def stop(self) -> None:
        """Let `run` return soon."""
        self._ended.set()

    def run(self) -> None:
        """Supervise until `stop`, or until the configuration is gone."""
        self._operations.record("supervisor started")
        settings = self._config_manager.load().recovery
        looked = 0.0
        while not self._ended.is_set() and self._config_manager.path.exists():
            if time.monotonic() - looked >= CONFIG_SECONDS:
                looked = time.monotonic()
                settings = self._look(settings)
            self._hear()
            if self._somebody_operates():
                looked = 0.0  # who is wanted may change with it
            else:
                self._judge_all(settings)
        for watcher in self._watchers.values():
            watcher.stop()
        self._executor.shutdown(wait=True, cancel_futures=True)
        self._repairer.close()
        self._pool.close()
        if self._config_manager.path.exists():
            self._operations.record("supervisor stopped")

    def _look(self, settings: RecoveryConfig) -> RecoveryConfig:
        """Watch exactly the wanted nodes of the configuration; a broken configuration changes nothing."""
        try:
            config = self._config_manager.load()
        except ConfigError as error:
            self._operations.record("configuration refused", error=str(error))
            return settings
        wanted = self._membership.wanted()
        nodes: dict[str, RayNode] = {n.name: n for n in (head_node(config), *worker_nodes(config)) if n.name in wanted}
        gone = set(self._watchers) - set(nodes)
        for name in gone:
            self._watchers.pop(name).stop()
            del self._records[name]
        if gone:
            self._publish_states()
        for name, node in nodes.items():
            if name not in self._watchers:
                self._records[name] = NodeRecord(name, node.role, time.monotonic())
                self._watchers[name] = NodeWatcher(node, self._nodes, config.recovery.beat, self._signal)
                self._watchers[name].start()
        return config.recovery

    def _signal(self, name: str, heard: dict[str, Any]) -> None:
        self._signals.put((name, heard))

    def _hear(self) -> None:
        """Take in what was heard; wait a moment for the first of it."""
        try:
            name, heard = self._signals.get(timeout=TICK_SECONDS)
            while True:
                if name in self._records:
                    self._records[name].take_in(heard, time.monotonic())
                name, heard = self._signals.get_nowait()
        except queue.Empty:
            return

    def _somebody_operates(self) -> bool:
        """Whether a person's operation runs: what ends now, ends on purpose."""
        holder = self._operations.current()
        return holder is not None and holder["pid"] != os.getpid()

    def _judge_all(self, settings: RecoveryConfig) -> None:
        self._finish_repairs(settings)
        under_repair = {name for names, _ in self._repairs for name in names}
        now = time.monotonic()
        ray = self._rays_view()
        due: dict[str, Repair] = {}
        for record in self._records.values():
            if record.name in under_repair:
                continue
            verdict = judge(record, ray, now, settings)
            self._note(record, verdict, now, settings)
            if verdict.repair and record.state is not Health.QUARANTINED and now >= record.next_attempt:
                due[record.name] = verdict.repair
        head = next((name for name in due if self._records[name].role == "head"), None)
        if head and not self._repairs:
            self._begin_repair({head: due[head]}, settings)  # it takes the workers along
        elif due and not head and not any(self._records[name].role == "head" for name in under_repair):
            self._begin_repair(due, settings)

    def _rays_view(self) -> dict[str, str] | None:
        head = next((r for r in self._records.values() if r.role == "head"), None)
        if head is None or head.beat is None or head.beat["nodes"] is None:
            return None
        return {row["node_id"]: row["state"] for row in head.beat["nodes"]}

    def _note(self, record: NodeRecord, verdict: Verdict, now: float, settings: RecoveryConfig) -> None:
        """Keep the verdict; a change of state is an event."""
        if verdict.state is Health.RUNNING:
            record.trouble_since = None
            record.running_since = record.running_since or now
            if now - record.running_since >= settings.stable_after:
                record.attempts, record.tried = 0, []
        else:
            record.running_since = None
            record.trouble_since = record.trouble_since or now
            if record.state is Health.QUARANTINED:
                return
        self._set_state(record, verdict.state, verdict.reason)

    def _set_state(self, record: NodeRecord, state: Health, reason: str = "") -> None:
        changed, record.state, record.reason = record.state is not state, state, reason
        if not changed:
            return
        self._operations.record("observed", node=record.name, state=state.value, reason=reason)
        self._publish_states()

    def _publish_states(self) -> None:
        self._publish({r.name: {"state": r.state, "reason": r.reason} for r in self._records.values() if r.state})

    def _begin_repair(self, due: dict[str, Repair], settings: RecoveryConfig) -> None:
        now = time.monotonic()
        for name, repair in list(due.items()):
            record = self._records[name]
            if record.attempts >= settings.attempts:
                del due[name]
                self._operations.record("quarantined", node=name, tried=record.tried)
                self._set_state(record, Health.QUARANTINED, f"{record.attempts} repairs did not help")
                continue
            record.attempts += 1
            delay = min(settings.backoff * 2 ** (record.attempts - 1), settings.backoff_limit)
            record.next_attempt = now + delay * random.uniform(0.5, 1.5)  # noqa: S311 - jitter, no secret
            self._operations.record("decided", node=name, action=repair.value, reason=record.reason)
        if not due:
            return
        for name, repair in due.items():
            if repair is Repair.DASHBOARD:
                self._watchers[name].wish("respawn dashboard")
                self._operations.record("repairing", node=name, action=repair.value)
        starts: dict[str, Repair] = {name: repair for name, repair in due.items() if repair is not Repair.DASHBOARD}
        if starts:
            for name in starts:
                self._set_state(self._records[name], Health.RECOVERING, "a repair is under way")
            self._repairs.append((tuple(starts), self._executor.submit(self._repairer.repair, starts)))

    def _finish_repairs(self, settings: RecoveryConfig) -> None:
        """Take in how repairs ended. A node that was not repaired keeps its turn."""
        for names, repair in [entry for entry in self._repairs if entry[1].done()]:
            self._repairs.remove((names, repair))
            self._take_in(names, repair.result(), settings)

    def _take_in(self, names: tuple[str, ...], outcome: Outcome, settings: RecoveryConfig) -> None:
        now = time.monotonic()
        for name in names:
            record = self._records.get(name)
            if record is None:
                continue
            record.tried.append(outcome.said.get(name, "put off: the cluster was busy"))
            if outcome.put_off:
                record.attempts -= 1
                record.next_attempt = now + settings.backoff
            # What was heard before the repair is about the raylet that was replaced.
            record.known_since, record.beat, record.trouble_since = now, None, None
