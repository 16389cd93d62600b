"""Keywords for a soak: faults at random for a long time, and what must not have grown at its end."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from datetime import timedelta

import psutil
from robot.api import logger
from robot.api.deco import keyword

from sage_lab import LabError
from sage_lab.faults import FaultKind, FaultNotEffectiveError, inject, kind_of
from SageLibrary.arguments.spare import SPARE
from SageLibrary.context import Stage
from SageLibrary.keywords.breaking import breaks
from SageLibrary.keywords.component import Component
from SageLibrary.keywords.configuration import ConfigurationKeywords
from SageLibrary.keywords.supervisor import SupervisorKeywords
from SageLibrary.recording.verdict import InfraError
from SageLibrary.report import trend
from SageLibrary.report.log import Row, table
from SageLibrary.stress.faults_at_random import Blow, draw
from SageLibrary.stress.growth import Growth, judge
from SageLibrary.stress.long_manager import LongManager
from SageLibrary.stress.model import Deed, Operation
from SageLibrary.stress.sampling import allowances, sample
from SageLibrary.stress.seed import the_seed
from SageLibrary.waiting import wait_until

HEALTHY = timedelta(minutes=5)
RUNS = "running, running"


class SoakKeywords(Component):
    """A soak."""

    def __init__(self, stage: Stage) -> None:
        super().__init__(stage)
        self._supervisor = SupervisorKeywords(stage)
        self._configuration = ConfigurationKeywords(stage)

    @keyword(tags=breaks("faults at random"))
    def nothing_should_grow_in_a_soak(self, lasting: timedelta, seed: str = "") -> None:
        """Faults that follow from the seed for so long; after each all is healed, and nothing has grown at the end.

        The supervisor repairs, and a manager in a process of its own does an operation after each fault. Measured when
        all is well again: threads, file descriptors, connections and memory of both processes, processes and files on
        the nodes. The slope over all of these samples is judged. It begins with a cluster of which everything runs.
        """
        workers = self._configuration.the_configured_workers()
        chance = random.Random(the_seed(seed))  # noqa: S311 - to be repeated, not to be secret
        samples: list[tuple[float, dict[str, float]]] = []
        log_dir = str(self.stage.cluster.config.get("worker.log_dir"))
        rows: list[Row] = []
        with LongManager(self.stage.lab.config_path) as manager:
            processes = {
                "manager": psutil.Process(manager.pid),
                "supervisor": psutil.Process(self._supervisor.the_supervisor()),
            }
            self._meet_every_node(workers, manager)
            began = time.monotonic()
            try:
                while time.monotonic() - began < lasting.total_seconds():
                    blow = draw(chance, workers, SPARE)
                    at = time.monotonic() - began
                    if reason := kind_of(blow.kind).supported(self.stage.lab):
                        rows.append((f"{at:.0f} s", str(blow), "", f"not possible here: {reason}", ""))
                        continue
                    said = self._live_through(blow, manager)
                    samples.append((time.monotonic() - began, sample(self.stage.lab, processes, log_dir)))
                    rows.append((f"{at:.0f} s", str(blow), str(blow.after), said, f"{samples[-1][0] - at:.1f} s"))
                    logger.console(f"  {at:5.0f} s  {blow}; {blow.after}: {said}, {samples[-1][0] - at:.1f} s")
            finally:
                heads = ("at", "fault", "then", "which", "all was well after")
                logger.info(table(heads, rows), html=True)
        found = judge(samples, allowances(processes))
        self._show(found, samples)
        if grown := [f"{one.name} rose by {one.rise:.1f}" for one in found if one.grew]:
            raise AssertionError(f"in {lasting} with {len(samples)} faults {'; '.join(grown)}, should not grow")

    def _meet_every_node(self, workers: Sequence[str], manager: LongManager) -> None:
        """Both processes keep a connection to each node that they once worked on: the first of each is no growth."""
        manager.perform(Operation(Deed.ADD, SPARE))
        self._live_through(
            Blow(FaultKind.RAYLET_KILLED, (*workers, SPARE), 0.0, Operation(Deed.STATUS)),
            manager,
        )

    def _live_through(self, blow: Blow, manager: LongManager) -> str:
        """Strike, heal, operate, and wait until everything runs. Returns how the operation ended."""
        try:
            with inject(self.stage.lab, blow.kind, *blow.targets, duration=blow.lasting):
                time.sleep(blow.lasting)
        except FaultNotEffectiveError as error:
            logger.warn(f"{blow} had no effect: {error}")
        except LabError as error:
            raise InfraError(f"{blow}: {error}") from error
        outcome = manager.perform(blow.after)
        if not outcome.success:
            logger.info(f"{blow.after} after {blow}: {outcome.said}")
        wait_until("the states and the supervisor's words", self._states, _all_run, HEALTHY, RUNS)
        return "succeeded" if outcome.success else "failed"

    def _states(self) -> dict[str, str]:
        """What each node is, and what the supervisor thinks of it: right after a fault it may not have noticed yet."""
        status = self.stage.cluster.status_cluster()
        words = self.stage.supervision.states()
        return {node.name: f"{node.state}, {words.get(node.name, {}).get('state', 'unknown')}" for node in status.nodes}

    @staticmethod
    def _show(found: list[Growth], samples: list[tuple[float, dict[str, float]]]) -> None:
        rows: list[Row] = []
        for one in found:
            seen = (f"{value:g}" for value in (one.first, one.last, one.least, one.most))
            verdict = "GREW" if one.grew else "did not grow"
            rows.append((one.name, *seen, f"{one.rise:+.1f}", f"{one.allowed:.1f}", verdict))
        heads = ("", "first", "last", "least", "most", "rise by the slope", "allowed", "verdict")
        logger.info(f"judged without the warm-up: {table(heads, rows)}", html=True)
        for name in samples[0][1]:
            chart = trend.Chart.of(name, [(f"{at:.0f} s", values[name]) for at, values in samples], "")
            logger.info(name + trend.draw(chart), html=True)


def _all_run(states: dict[str, str]) -> bool:
    return set(states.values()) == {RUNS}
