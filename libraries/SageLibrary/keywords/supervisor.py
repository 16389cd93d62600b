"""Keywords for the supervisor: who it is, what it thinks of each node, and what it repaired."""

from __future__ import annotations

import os
import signal
import time
from datetime import timedelta
from pathlib import Path

from robot.api import logger
from robot.api.deco import keyword

from sage_cluster.nodes.spec import head_node, worker_nodes
from sage_cluster.supervision.health import Health
from SageLibrary.arguments.node_name import NodeName
from SageLibrary.context import Stage
from SageLibrary.keywords.breaking import breaks
from SageLibrary.keywords.component import Component
from SageLibrary.waiting import wait_until

HEALTHY = timedelta(seconds=120)


class SupervisorKeywords(Component):
    """The supervisor."""

    def __init__(self, stage: Stage) -> None:
        super().__init__(stage)
        self._moment = time.monotonic()

    @keyword
    def the_supervisor(self) -> int:
        """The process that supervises the cluster now, by its pid; it fails when there is none."""
        if not self.stage.supervision.is_running():
            raise AssertionError("the supervisor was gone, should run")
        return self.stage.supervision.pid()

    @keyword(tags=breaks("supervisor killed"))
    def kill_the_supervisor(self) -> None:
        """Kill -9 the supervisor, and see that it is gone."""
        pid = self.the_supervisor()
        handle = os.pidfd_open(pid)  # from here on no other process can be meant
        try:
            words = Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8").split("\0")
            if "supervise" not in words or str(self.stage.lab.config_path) not in words:
                raise AssertionError(f"process {pid} was '{' '.join(words)}', should be this cluster's supervisor")
            signal.pidfd_send_signal(handle, signal.SIGKILL)
        finally:
            os.close(handle)
        supervision = self.stage.supervision
        wait_until("a supervisor", supervision.is_running, lambda runs: not runs, timedelta(seconds=5), "False")

    @keyword
    def end_the_supervisor(self) -> None:
        """Let nobody supervise the cluster any more; it runs on."""
        self.stage.supervision.end()

    @keyword
    def supervisor_should_report(self, node: NodeName, reason: str, within: timedelta) -> None:
        """The supervisor's reason for a node's state contains this text within a time."""
        wait_until(
            f"what the supervisor says of {node}",
            lambda: self.stage.supervision.states().get(node, {}).get("reason", "nothing"),
            lambda said: reason in said,
            within,
            reason,
        )

    @keyword
    def note_the_moment(self) -> None:
        """From now on repairs count, for `Nothing Should Have Been Repaired` and `Repairs Should Have Been At Most`."""
        self._moment = time.monotonic()

    @keyword
    def nothing_should_have_been_repaired(self) -> None:
        """Since `Note The Moment` the supervisor decided on no repair."""
        self.repairs_should_have_been_at_most(0)

    @keyword
    def repairs_should_have_been_at_most(self, count: int) -> None:
        """Since `Note The Moment` the supervisor decided on this many repairs at most."""
        decided = self.events("decided", since=self._moment)
        repairs = [f"{event['node']}: {event['action']}: {event['reason']}" for event in decided]
        logger.info(f"repairs: {repairs}")
        if len(repairs) > count:
            raise AssertionError(f"the repairs were {repairs}, should be {count} at most")

    @keyword
    def everything_should_run(self, within: timedelta = HEALTHY) -> None:
        """The supervisor calls every node running, and so do the node and Ray."""
        self.every_node_should_be_seen_running(within)
        status = self.stage.cluster.status_cluster()
        if not status.healthy:
            raise AssertionError(
                f"the states were {[(n.name, n.state.value) for n in status.nodes]}, should be running"
            )

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

    def every_node_should_be_seen_running(self, within: timedelta = HEALTHY) -> None:
        """The supervisor calls the head and every configured worker running within a time."""
        config = self.stage.cluster.config.load()
        names = {node.name for node in (head_node(config), *worker_nodes(config))}
        wait_until(
            "the supervisor's words",
            self._words,
            lambda words: set(words) == names and set(words.values()) == {"running"},
            within,
            "running everywhere",
        )

    def _words(self) -> dict[str, str]:
        return {name: said["state"] for name, said in self.stage.supervision.states().items()}
