"""Keywords for who is in the cluster: as the configuration says, and how many are away while it changes."""

from __future__ import annotations

import time
from datetime import timedelta

from robot.api import SkipExecution, logger
from robot.api.deco import keyword

from SageLibrary.context import Stage
from SageLibrary.keywords.component import Component
from SageLibrary.keywords.configuration import ConfigurationKeywords
from SageLibrary.observers.ray_watch import NO_ANSWER, ask_nodes
from SageLibrary.recording.verdict import InconclusiveError
from SageLibrary.waiting import POLL_SECONDS


class ScalingKeywords(Component):
    """Members of the cluster."""

    def __init__(self, stage: Stage) -> None:
        super().__init__(stage)
        self._configuration = ConfigurationKeywords(stage)

    @keyword
    def the_lab_has_workers(self, count: int) -> None:
        """The test is skipped on a lab with fewer workers."""
        have = sum(node.role == "worker" for node in self.stage.lab.nodes)
        if have < count:
            raise SkipExecution(f"this lab has {have} workers and the test needs {count}: run 'make scaling'")

    @keyword
    def only_these_keep_running(self, *workers: str) -> None:
        """Stop Ray on the lab's other nodes but the head; the configuration then names these workers."""
        others = [node.name for node in self.stage.lab.nodes if node.role != "head" and node.name not in workers]
        running = [name for name in others if self.stage.lab.run(name, ["ps", "-C", "raylet"]).returncode == 0]
        if running:
            self._configuration.only_these_are_configured(*workers, *running)
            result = self.stage.cluster.workers.stop_workers(names=running)
            if not result.success:
                raise AssertionError(f"{', '.join(running)} could not be stopped:\n{result.message}")
        self._configuration.only_these_are_configured(*workers)

    @keyword
    def worker_should_have_been_drained(self, *workers: str) -> None:
        """The last operation let these workers end their work before it stopped them."""
        drained = [node.name for node in self.last_result().nodes if node.details.get("drained")]
        missing = [worker for worker in workers if worker not in drained]
        if missing:
            raise AssertionError(f"the workers that were drained were {drained}, should have been {missing} too")

    @keyword
    def at_most_one_should_be_away(self, *workers: str, within: timedelta) -> None:
        """Until the operation that runs has ended, Ray calls all of these workers but one ALIVE at any moment.

        Ray is asked again and again, beside the managers; each of the workers has to be seen away once, or nothing was
        proven. The journal has to say the same.
        """
        begin = self.events("begin")[-1]
        port = int(self.stage.cluster.config.get("head.dashboard_port"))
        names = {self.stage.lab.node(worker).cluster_address: worker for worker in workers}
        address = self.stage.lab.node("head").control_address
        deadline = time.monotonic() + within.total_seconds()
        seen: list[set[str]] = []
        while self.stage.operations.current():
            if time.monotonic() >= deadline:
                raise AssertionError(f"'{begin['operation']}' ran on, should end within {within.total_seconds():g} s")
            try:
                alive = {names.get(str(row["node_ip"])) for row in ask_nodes(address, port) if row["state"] == "ALIVE"}
            except NO_ANSWER as error:
                logger.info(f"Ray did not answer: {error}")
                continue
            away = set(workers) - {str(name) for name in alive}
            if not seen or seen[-1] != away:
                logger.info(f"away: {', '.join(sorted(away)) or 'none'}")
            seen.append(away)
            time.sleep(POLL_SECONDS)
        self._judge(workers, seen, self._journal_since(float(begin["monotonic"])))

    def _judge(self, workers: tuple[str, ...], seen: list[set[str]], told: list[set[str]]) -> None:
        for whose, moments in (("Ray", seen), ("the journal", told)):
            worst = max(moments, key=len, default=set())
            if len(worst) > 1:
                raise AssertionError(f"the workers away at once were {sorted(worst)} by {whose}, should be one at most")
            never = set(workers).difference(*moments)
            if never:
                raise InconclusiveError(f"{sorted(never)} were never seen away by {whose}, in {len(moments)} looks")
        logger.info(f"Ray was asked {len(seen)} times")

    def _journal_since(self, begin: float) -> list[set[str]]:
        """Who was away after each event of a rolling restart."""
        away: set[str] = set()
        moments = []
        for event in self.events("away", "back", since=begin):
            away = away | {event["node"]} if event["event"] == "away" else away - {event["node"]}
            moments.append(away)
        return moments
