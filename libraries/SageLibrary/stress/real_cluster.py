"""The cluster on the nodes of the lab, as the machine of random operations sees it."""

from __future__ import annotations

import time
from collections.abc import Sequence

from sage_cluster import ClusterManager, SageError
from sage_lab import Lab, LabError
from SageLibrary.stress.model import ClusterModel, Operation
from SageLibrary.stress.observed import differences, observe
from SageLibrary.stress.performer import Outcome, perform
from SageLibrary.waiting import POLL_SECONDS

SETTLE_SECONDS = 10.0
"""How long a difference may last: a process that was killed takes a moment to end, and Ray's list to be read."""


class RealCluster:
    """Operations by the managers, observations by everybody."""

    def __init__(self, lab: Lab, cluster: ClusterManager, pool: Sequence[str]) -> None:
        """``pool``: the nodes that may be workers."""
        self._lab = lab
        self._cluster = cluster
        self._pool = tuple(pool)

    def perform(self, operation: Operation) -> Outcome:
        """Do it."""
        return perform(self._cluster, operation)

    def differences(self, model: ClusterModel) -> list[str]:
        """What is not as the model says, and stays so."""
        until = time.monotonic() + SETTLE_SECONDS
        while True:
            now = time.monotonic()
            wrong = self._look(model, now)
            if not wrong or now >= until:
                return wrong
            time.sleep(POLL_SECONDS)

    def _look(self, model: ClusterModel, now: float) -> list[str]:
        try:
            return differences(model, observe(self._lab, self._cluster, self._pool, model.head), now)
        except (SageError, LabError, OSError, ValueError, KeyError) as error:
            return [f"the cluster could not be looked at: {type(error).__name__}: {error}"]
