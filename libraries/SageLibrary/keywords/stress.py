"""Keywords for stress: many workers, operations at random, callers at once."""

from __future__ import annotations

import random
import time

from robot.api import SkipExecution, logger
from robot.api.deco import keyword

from SageLibrary.arguments.spare import SPARE
from SageLibrary.context import Stage
from SageLibrary.keywords.component import Component
from SageLibrary.keywords.configuration import ConfigurationKeywords
from SageLibrary.report.log import Row, table
from SageLibrary.stress.callers import Round, run_round
from SageLibrary.stress.capacity import workers_that_fit
from SageLibrary.stress.model import ClusterModel, Deed, Operation
from SageLibrary.stress.observed import INTERVAL
from SageLibrary.stress.performer import Outcome
from SageLibrary.stress.real_cluster import RealCluster
from SageLibrary.stress.seed import the_seed


class StressKeywords(Component):
    """Stress."""

    def __init__(self, stage: Stage) -> None:
        super().__init__(stage)
        self._configuration = ConfigurationKeywords(stage)
        self._model: ClusterModel | None = None

    @keyword
    def workers_that_fit_in_memory(self, wanted: int = 0) -> int:
        """How many workers this machine's free memory has room for, unless a number is wanted.

        It fails when there is no room for ten.
        """
        number = wanted or workers_that_fit()
        why = "as was wanted" if wanted else "as the free memory has room for them"
        logger.info(f"{number} workers, {why}", also_console=True)
        return number

    @keyword
    def the_lab_should_have_workers(self, number: int) -> None:
        """Skip the suite when an outer one brought up a lab with fewer workers."""
        have = sum(node.role == "worker" for node in self.stage.lab.nodes)
        if have < number:
            raise SkipExecution(f"this lab has {have} workers, stress needs {number}: run 'make stress'")

    @keyword
    def operations_at_random_should_agree_with_the_model(self, number: int, seed: str = "") -> None:
        """So many operations that follow from the seed; after each the cluster is what the model says.

        Without a seed a new one is drawn; the log and the console name it, for the same again.

        It begins with a cluster of which nothing runs. The state is asked of the managers, of Ray, and of the process
        table of every node. The first difference ends it.
        """
        from SageLibrary.stress.machine import run_once  # noqa: PLC0415 - Hypothesis is there for stress only

        rows: list[Row] = []

        def tell(step: int, operation: Operation, outcome: Outcome, seconds: float, wrong: list[str]) -> None:
            ended = "done" if outcome.success else "refused"
            rows.append((step, str(operation), ended, f"{seconds:.1f} s", "; ".join(wrong) or "as the model says"))
            logger.console(f"  {step:3} {operation}: {ended}, {seconds:.1f} s")

        def begin() -> tuple[RealCluster, ClusterModel]:
            self._model = self._model_of_nothing()
            return RealCluster(self.stage.lab, self.stage.cluster, self._model.pool), self._model

        try:
            run_once(begin, number, the_seed(seed), tell)
        finally:
            logger.info(table(("", "operation", "ended", "with the look", "the cluster is"), rows), html=True)
        if len(rows) != number:
            raise AssertionError(f"the operations were {len(rows)}, should be {number}")

    @keyword
    def callers_at_once_should_agree_with_the_model(self, callers: int, rounds: int, seed: str = "") -> None:
        """In each round so many callers, half of them threads and half processes, operate at the same moment.

        In every second round nobody waits: each succeeds or is told that the cluster is busy, and by whom. In the
        others all wait for their turn and succeed. After each round the cluster is what the model says.
        It begins with a cluster of which everything runs.
        """
        model = self._model_of_nothing()
        model.apply(Operation(Deed.START_ALL), time.monotonic())
        system = RealCluster(self.stage.lab, self.stage.cluster, model.pool)
        chance = random.Random(the_seed(seed))  # noqa: S311 - to be repeated, not to be secret
        rows: list[Row] = []
        try:
            for number in range(1, rounds + 1):
                wait = 0.0 if number % 2 else 600.0
                this = Round.of(callers, model, chance, wait)
                ends = run_round(self.stage.cluster, self.stage.lab.config_path, this)
                rows += [(number, f"{wait:g} s", end.caller, str(end.operation), end.ended) for end in ends]
                wrong = this.settle(model, ends, self.stage.operations) + system.differences(model)
                if wrong:
                    raise AssertionError(f"after round {number}:\n" + "\n".join(wrong))
        finally:
            logger.info(table(("round", "waits", "caller", "operation", "ended"), rows), html=True)

    def _model_of_nothing(self) -> ClusterModel:
        config = self.stage.cluster.config
        names = self._configuration.the_configured_workers()
        return ClusterModel.of((*names, SPARE), names, int(config.get(INTERVAL)))
