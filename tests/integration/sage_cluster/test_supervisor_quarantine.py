"""A crash loop ends in quarantine, the status says what was tried, and a person's start ends the quarantine."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sage_cluster import ClusterManager, ConfigManager
from sage_lab import Lab
from sage_lab.faults import FaultKind, inject
from tests.support.supervisor import events, kinds, signal, states, wait_until_all_run
from tests.support.waiting import wait_for

pytestmark = pytest.mark.lab

ATTEMPTS = 2


@pytest.fixture(scope="module")
def supervised(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClusterManager]:
    path = tmp_path_factory.mktemp("quarantine") / "config.yaml"
    path.write_bytes(lab.config_path.read_bytes())
    config = ConfigManager(path)
    config.set("recovery.attempts", ATTEMPTS)
    config.set("recovery.backoff", 0.2)
    manager = ClusterManager(config)
    result = manager.start_cluster()
    assert result.success, result.message
    yield manager
    assert manager.stop_cluster(wait=60).success
    manager.close()


def test_a_crash_loop_ends_in_quarantine_until_a_person_starts_the_node(lab: Lab, supervised: ClusterManager) -> None:
    wait_until_all_run(supervised, 20)
    fault = inject(lab, FaultKind.RAYLET_CRASH_LOOP, "worker-1")
    try:
        wait_for(lambda: states(supervised)["worker-1"], "quarantined", 150)
        status = supervised.status_cluster()
        assert not status.healthy
        assert states(supervised)["worker-2"] == "running"
        said = status.supervisor["worker-1"]
        assert said["reason"].startswith(f"{ATTEMPTS} repairs did not help (start: ")
        assert len(said["tried"]) == ATTEMPTS
        assert status.troubles["worker-1"].quarantined
        found = events(supervised, 0.0, "worker-1")
        assert kinds(found).count("decided") == ATTEMPTS
    finally:
        fault.heal()
    result = supervised.workers.start_workers(names=["worker-1"], wait=60)
    assert result.success, result.message
    wait_until_all_run(supervised, 20)
    assert supervised.status_cluster().supervisor["worker-1"] == {"state": "running", "reason": "", "tried": []}

    since = signal(lab, supervised, "worker-1", "raylet", "KILL")
    wait_for(lambda: states(supervised)["worker-1"] in ("lost", "recovering"), True, 5)
    wait_until_all_run(supervised, 60)
    assert "quarantined" not in kinds(events(supervised, since, "worker-1"))
    trouble = supervised.status_cluster().troubles["worker-1"]
    assert (trouble.reason, trouble.action) == ("its raylet ended", "start")
    assert trouble.noticed <= trouble.decided < trouble.repaired < trouble.over
    assert trouble.seconds
    assert trouble.seconds > 0
