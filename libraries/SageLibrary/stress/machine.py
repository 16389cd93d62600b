"""Operations at random, each followed by a comparison with the model: Hypothesis' stateful testing."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

from hypothesis import HealthCheck, Phase, assume, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from SageLibrary.stress.model import ClusterModel, Operation
from SageLibrary.stress.performer import Outcome

ONE_EXAMPLE = settings(
    max_examples=1, phases=[Phase.generate], deadline=None, database=None, suppress_health_check=list(HealthCheck)
)


class System(Protocol):
    """What is compared with the model."""

    def perform(self, operation: Operation) -> Outcome:
        """Do it."""

    def differences(self, model: ClusterModel) -> list[str]:
        """A line for each thing that is not as the model says."""


Tell = Callable[[int, Operation, Outcome, float, list[str]], None]
"""Told of each operation: its number from 1 on, how it ended, its seconds with the comparison, what differs."""


class DifferenceError(AssertionError):
    """The cluster is not what the model says after an operation."""


class ClusterMachine(RuleBasedStateMachine):
    """One example is one cluster's life.

    It has a single rule that draws from all operations: of several rules Hypothesis leaves out a random part in each
    example, and on real nodes there is but one example.
    """

    def __init__(
        self,
        begin: Callable[[], tuple[System, ClusterModel]],
        tell: Tell | None = None,
        found: list[DifferenceError] | None = None,
    ) -> None:
        """With ``found`` the first difference goes there and ends all work; without, it is raised."""
        super().__init__()
        self._system, self._model = begin()
        self._tell = tell
        self._found = found
        self._number = 0

    @initialize(salt=st.integers(min_value=0, max_value=2**64))
    def begin_at_random(self, salt: int) -> None:
        """Hypothesis tries the least of everything first: always the same operation, which says nothing here."""
        assume(salt != 0)

    @rule(data=st.data())
    def operate(self, data: st.DataObject) -> None:
        """One operation, and the comparison."""
        if self._found:
            return
        operation = data.draw(st.sampled_from(self._model.operations()))
        began = time.monotonic()
        right = self._model.apply(operation, began)
        outcome = self._system.perform(operation)
        wrong = []
        if outcome.success != right:
            wrong.append(f"it {_ended(outcome.success)}, should have {_ended(right)}: {outcome.said}")
        wrong += self._system.differences(self._model)
        self._number += 1
        if self._tell:
            self._tell(self._number, operation, outcome, time.monotonic() - began, wrong)
        if wrong:
            error = DifferenceError(f"after operation {self._number}, {operation}:\n" + "\n".join(wrong))
            if self._found is None:
                raise error
            self._found.append(error)


def run_once(begin: Callable[[], tuple[System, ClusterModel]], number: int, random_seed: int, tell: Tell) -> None:
    """One example of ``number`` operations that follow from the seed. Raises DifferenceError.

    Nothing is tried twice: a cluster of machines does not begin again as a function does. ``begin`` is called before
    anything is done, and more than once.
    """
    found: list[DifferenceError] = []
    machine = seed(random_seed)(lambda: ClusterMachine(begin, tell, found))
    steps = number + 1  # the beginning counts as one
    limits = settings(ONE_EXAMPLE, stateful_step_count=steps)
    run_state_machine_as_test(machine, settings=limits)  # type: ignore[arg-type]  # a factory does as well
    if found:
        raise found[0]


def _ended(success: bool) -> str:
    return "succeeded" if success else "failed"
