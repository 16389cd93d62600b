"""The head dies and comes back, and with `recovery.keep_workers` the workers and what runs on them live on."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from sage_cluster import ClusterManager, ConfigManager, NodeStatus
from sage_lab import Lab
from tests.support.supervisor import states
from tests.support.waiting import wait_for

pytestmark = pytest.mark.lab

HEAD_AND_ALL = {"head": "running", "worker-1": "running", "worker-2": "running"}
PYTHON = "import ray; ray.init(address='auto', namespace='kept', log_to_driver=False, logging_level='error')\n"
BEGIN_TO_COUNT = f"""
{PYTHON}
@ray.remote(num_cpus=1, max_restarts=0)
class Counter:
    def __init__(self): self.count = 0
    def add(self): self.count += 1; return self.count
counter = Counter.options(name="counter", lifetime="detached", resources={{"node:%s": 0.01}}).remote()
print("count", ray.get(counter.add.remote()))
"""
GO_ON_COUNTING = f"{PYTHON}print('count', ray.get(ray.get_actor('counter').add.remote(), timeout=30))\n"


@pytest.fixture(scope="module")
def kept(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClusterManager]:
    path = tmp_path_factory.mktemp("kept") / "config.yaml"
    path.write_bytes(lab.config_path.read_bytes())
    config = ConfigManager(path)
    config.set("recovery.keep_workers", True)
    config.set("recovery.backoff", 0.2)
    manager = ClusterManager(config)
    yield manager
    assert manager.stop_cluster(wait=60).success
    assert storage(lab) == ""
    manager.close()


@pytest.fixture(autouse=True)
def all_is_well(kept: ClusterManager) -> None:
    result = kept.start_cluster(wait=60)
    assert result.success, result.message
    wait_for(lambda: states(kept), HEAD_AND_ALL, 20)


def storage(lab: Lab) -> str:
    return lab.run("head", ["sh", "-c", "ls -d /tmp/ray/*gcs_storage 2> /dev/null"]).stdout


def raylet_pid(node: NodeStatus) -> int:
    return next(p["pid"] for p in node.processes if p["role"] == "raylet")


def kill(lab: Lab, node: NodeStatus, role: str = "") -> None:
    pids = [str(p["pid"]) for p in node.processes if role in ("", p["role"])]
    lab.run(node.name, ["kill", "-KILL", *pids])


def on_the_head(lab: Lab, program: str) -> str:
    done = lab.run("head", [lab_python(lab), "-c", program], user="sage", timeout=90)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def lab_python(lab: Lab) -> str:
    python = ConfigManager(lab.config_path).load().head.python_path
    assert python
    return python


def test_the_workers_and_their_actors_outlive_the_gcs(lab: Lab, kept: ClusterManager) -> None:
    before = kept.status_cluster()
    assert on_the_head(lab, BEGIN_TO_COUNT % before.node("worker-1").address) == "count 1"
    since = time.monotonic()
    kill(lab, before.head, "gcs")
    wait_for(lambda: states(kept)["head"] != "running", True, 5)
    wait_for(lambda: states(kept), HEAD_AND_ALL, 90)
    after = kept.status_cluster()
    assert after.healthy
    for name in ("worker-1", "worker-2"):
        assert raylet_pid(after.node(name)) == raylet_pid(before.node(name))
        assert after.node(name).node_id == before.node(name).node_id
        assert after.node(name).session == before.node(name).session == after.head.session
    assert after.head.node_id != before.head.node_id
    assert on_the_head(lab, GO_ON_COUNTING) == "count 2"

    def of(event: str) -> set[str]:
        events = kept.operations.journal.last(500)
        return {e["node"] for e in events if e["monotonic"] >= since and e["event"] == event}

    wait_for(lambda: of("kept"), {"worker-1", "worker-2"}, 30)  # told when the repair as a whole is over
    assert of("decided") == {"head"}


def test_a_worker_that_died_with_the_whole_head_is_started_again_and_the_other_kept(
    lab: Lab, kept: ClusterManager
) -> None:
    before = kept.status_cluster()
    kill(lab, before.node("worker-2"), "raylet")
    kill(lab, before.head)
    wait_for(lambda: states(kept)["head"] != "running", True, 5)
    wait_for(lambda: states(kept), HEAD_AND_ALL, 120)
    after = kept.status_cluster()
    assert after.healthy
    assert raylet_pid(after.node("worker-1")) == raylet_pid(before.node("worker-1"))
    assert after.node("worker-1").node_id == before.node("worker-1").node_id
    assert after.node("worker-2").node_id != before.node("worker-2").node_id


def test_a_restart_by_a_person_begins_with_empty_tables(lab: Lab, kept: ClusterManager) -> None:
    before = kept.status_cluster()
    assert storage(lab) != ""
    result = kept.restart_cluster(wait=60)
    assert result.success, result.message
    after = kept.status_cluster()
    assert after.healthy
    assert after.head.session != before.head.session
    assert on_the_head(lab, f"{PYTHON}print([n['Alive'] for n in ray.nodes()])") == "[True, True, True]"


def test_a_start_by_a_person_after_a_crash_begins_with_empty_tables(lab: Lab, kept: ClusterManager) -> None:
    before = kept.status_cluster()
    assert kept.supervision.end()
    kill(lab, before.head)
    result = kept.start_cluster(wait=60)
    assert result.success, result.message
    after = kept.status_cluster()
    assert after.healthy
    assert {node.session for node in after.nodes} == {after.head.session} != {before.head.session}


def test_tables_that_the_gcs_cannot_read_cost_the_workers_not_the_head(lab: Lab, kept: ClusterManager) -> None:
    before = kept.status_cluster()
    since = time.monotonic()
    spoil = "for f in $(find /tmp/ray/*gcs_storage -name CURRENT); do echo spoilt > $f; done"
    assert lab.run("head", ["sh", "-c", spoil]).returncode == 0
    kill(lab, before.head)
    wait_for(lambda: states(kept)["head"] != "running", True, 5)
    wait_for(lambda: states(kept), HEAD_AND_ALL, 240)
    assert kept.status_cluster().healthy
    events = [e["event"] for e in kept.operations.journal.last(500) if e["monotonic"] >= since]
    assert "storage given up" in events
