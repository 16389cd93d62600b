"""The supervisor on real nodes: what it notices, what it repairs, and what it leaves alone."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from signal import SIGCONT, SIGSTOP

import pytest

from sage_cluster import ClusterManager, ConfigManager, SageError
from sage_cluster.nodes.agent import SILENCE_SECONDS
from sage_lab import Lab
from tests.support.supervisor import events, kinds, signal, states, wait_until_all_run
from tests.support.waiting import wait_for

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def supervised(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClusterManager]:
    path = tmp_path_factory.mktemp("supervised") / "config.yaml"
    path.write_bytes(lab.config_path.read_bytes())
    config = ConfigManager(path)
    config.set("recovery.backoff", 0.2)
    config.set("recovery.stable_after", 3)
    manager = ClusterManager(config)
    yield manager
    assert manager.stop_cluster().success
    assert not manager.supervision.is_running()
    manager.close()


@pytest.fixture(autouse=True)
def all_is_well(supervised: ClusterManager) -> None:
    result = supervised.start_cluster(wait=60)
    assert result.success, result.message
    wait_for(lambda: states(supervised), {"head": "running", "worker-1": "running", "worker-2": "running"}, 20)


def dashboards_session(manager: ClusterManager) -> str:
    try:
        return str(manager.head.dashboard()["session"])
    except SageError as error:
        return str(error)


def test_a_killed_raylet_is_noticed_at_once_and_started_again(lab: Lab, supervised: ClusterManager) -> None:
    since = signal(lab, supervised, "worker-1", "raylet", "KILL")
    wait_for(lambda: states(supervised)["worker-1"] in ("lost", "recovering"), True, 2)
    wait_until_all_run(supervised, 40)
    found = events(supervised, since, "worker-1")
    assert kinds(found) == ["lost", "decided", "recovering", "repairing", "repaired", "running"]
    assert found[0]["reason"] == "its raylet ended"


def test_two_workers_are_repaired_at_the_same_time(lab: Lab, supervised: ClusterManager) -> None:
    since = signal(lab, supervised, "worker-1", "raylet", "KILL")
    signal(lab, supervised, "worker-2", "raylet", "KILL")
    wait_for(lambda: set(list(states(supervised).values())[1:]) <= {"lost", "recovering"}, True, 5)
    wait_until_all_run(supervised, 60)
    times: dict[str, list[float]] = {"repairing": [], "repaired": []}
    for event in events(supervised, since, "worker-1") + events(supervised, since, "worker-2"):
        times.setdefault(event["event"], []).append(event["monotonic"])
    assert len(times["repaired"]) == 2
    assert max(times["repairing"]) < min(times["repaired"])


def test_a_hung_raylet_is_fenced(lab: Lab, supervised: ClusterManager) -> None:
    since = signal(lab, supervised, "worker-2", "raylet", "STOP")
    wait_for(lambda: states(supervised)["worker-2"], "suspect", 5)
    wait_until_all_run(supervised, 40)
    assert "fence" in [e.get("action") for e in events(supervised, since, "worker-2")]


def test_a_short_cut_is_noticed_and_waited_out(lab: Lab, supervised: ClusterManager) -> None:
    since = time.monotonic()
    lab.node("worker-1").unplug()
    try:
        wait_for(lambda: states(supervised)["worker-1"], "lost", 5)
        assert states(supervised)["worker-2"] == "running"
    finally:
        lab.node("worker-1").plug()
    wait_until_all_run(supervised, 30)
    assert "decided" not in kinds(events(supervised, since, "worker-1"))


def test_a_cut_leaves_no_watch_on_the_node(lab: Lab, supervised: ClusterManager) -> None:
    """Its connection is not closed for the node, which would keep one watch and two sshd for each cut for hours."""
    for _ in range(2):
        lab.node("worker-1").unplug()
        try:
            wait_for(lambda: states(supervised)["worker-1"], "lost", 8)
        finally:
            lab.node("worker-1").plug()
        wait_until_all_run(supervised, 30)
    wait_for(lambda: watches(lab, "worker-1"), 1, 2 * SILENCE_SECONDS)


def watches(lab: Lab, node: str) -> int:
    """How many watches run there."""
    shown = lab.run(node, ["ps", "-ww", "-eo", "args"]).stdout.splitlines()
    return sum(" watch {" in line and " -I -S -c " in line and not line.startswith("bash") for line in shown)


def test_a_worker_whose_power_returns_is_started(lab: Lab, supervised: ClusterManager) -> None:
    lab.node("worker-2").power_off()
    wait_for(lambda: states(supervised)["worker-2"], "lost", 6)
    lab.node("worker-2").power_on()
    wait_until_all_run(supervised, 60)


def test_the_cluster_is_formed_anew_when_the_head_died(lab: Lab, supervised: ClusterManager) -> None:
    session = supervised.head.status().session
    signal(lab, supervised, "head", "gcs", "KILL")
    wait_for(lambda: states(supervised)["head"] in ("lost", "recovering"), True, 3)
    wait_until_all_run(supervised, 90)
    assert session not in {node.session for node in supervised.status_cluster().nodes}


def test_a_dashboard_is_run_again_without_touching_the_head(lab: Lab, supervised: ClusterManager) -> None:
    session = supervised.head.status().session
    signal(lab, supervised, "head", "dashboard", "KILL")
    wait_for(lambda: states(supervised)["head"], "suspect", 3)
    wait_until_all_run(supervised, 30)
    wait_for(lambda: dashboards_session(supervised), session, 20)


def test_what_a_person_stopped_stays_stopped(supervised: ClusterManager) -> None:
    since = time.monotonic()
    assert supervised.workers.stop_workers(names=["worker-1"], wait=30).success
    wait_for(lambda: "worker-1" in states(supervised), False, 5)
    time.sleep(2)  # long enough for a repair to begin, if one were to
    assert kinds(events(supervised, since, "worker-1")) == ["let go"]
    assert supervised.status_cluster().active_workers == ["worker-2"]


def test_a_crash_loop_ends_in_quarantine_and_a_person_ends_that(lab: Lab, supervised: ClusterManager) -> None:
    supervised.config.set("recovery.attempts", 2)
    assert supervised.workers.stop_workers(names=["worker-1"], wait=30).success
    wait_for(lambda: "worker-1" in states(supervised), False, 5)
    assert supervised.workers.start_workers(names=["worker-1"], wait=30).success
    wait_for(lambda: states(supervised).get("worker-1"), "running", 10)
    since = time.monotonic()
    for _ in range(3):
        wait_for(lambda: states(supervised)["worker-1"], "running", 40)
        signal(lab, supervised, "worker-1", "raylet", "KILL")
        wait_for(lambda: states(supervised)["worker-1"] != "running", True, 5)
    wait_for(lambda: states(supervised)["worker-1"], "quarantined", 10)
    found = events(supervised, since, "worker-1")
    assert kinds(found).count("decided") == 2
    assert next(e for e in found if e["event"] == "quarantined")["tried"] == ["start: started", "start: started"]

    assert supervised.start_cluster(wait=30).success
    wait_until_all_run(supervised, 20)


def test_a_worker_that_died_while_the_head_is_away_waits_for_it(lab: Lab, supervised: ClusterManager) -> None:
    since = time.monotonic()
    pid = next(p["pid"] for p in supervised.status_cluster().node("worker-2").processes if p["role"] == "raylet")
    lab.node("head").power_off()
    try:
        wait_for(lambda: states(supervised)["head"], "lost", 6)
        assert lab.run("worker-2", ["kill", "-KILL", str(pid)]).returncode == 0
        wait_for(lambda: states(supervised)["worker-2"], "lost", 5)
    finally:
        lab.node("head").power_on()
    wait_until_all_run(supervised, 90)
    decided = [
        e for e in supervised.operations.journal.last(500) if e["event"] == "decided" and e["monotonic"] >= since
    ]
    assert [event["node"] for event in decided] == ["head"], "it was to be started without a head, or twice"


def test_a_pause_of_the_supervisor_is_no_loss_of_nodes(supervised: ClusterManager) -> None:
    since, pid = time.monotonic(), supervised.supervision.pid()
    os.kill(pid, SIGSTOP)
    try:
        time.sleep(8)  # the length of the pause: twice what makes a silent node lost
    finally:
        os.kill(pid, SIGCONT)
    wait_for(
        lambda: [e["event"] for e in supervised.operations.journal.last(100) if e["monotonic"] >= since], ["paused"]
    )
    time.sleep(6)  # until its silence would count again
    wait_until_all_run(supervised, 10)
    for node in ("head", "worker-1", "worker-2"):
        assert kinds(events(supervised, since, node)) == []
