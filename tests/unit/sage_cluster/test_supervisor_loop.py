"""The supervisor's own life: what goes wrong in it, or around it, ends neither it nor the watch of a node."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sage_cluster import ConfigManager
from sage_cluster.context import ClusterContext
from sage_cluster.errors import NodeError
from sage_cluster.nodes.agent import RayNodes
from sage_cluster.nodes.spec import RayNode
from sage_cluster.operations.journal import Journal
from sage_cluster.operations.membership import Membership
from sage_cluster.ssh.connection import Target
from sage_cluster.supervision import supervisor as supervisor_module
from sage_cluster.supervision.process import SupervisorProcess
from sage_cluster.supervision.repair import Outcome
from sage_cluster.supervision.supervisor import Supervisor
from sage_cluster.supervision.watcher import NodeWatcher, Signal
from tests.support.waiting import wait_for

CONFIG = """\
head: {host: head}
workers_ssh_hosts: w1:22,w2:22
recovery: {suspect_after: 0.6, silent_after: 1.2, beat: 0.2, keep_workers: false}
"""
RUNS: dict[str, Any] = {
    "running": ["dashboard", "gcs", "raylet"],
    "stopped": [],
    "health": "ok",
    "node_id": "n",
    "session": "s",
    "nodes": None,
    "dashboard_wanted": False,
}


class Watcher(threading.Thread):
    """In the place of a `NodeWatcher`: its node runs, unless a test has it say something else or die."""

    made: list[Watcher]
    says: dict[str, dict[str, Any]]

    def __init__(self, node: RayNode, _: RayNodes, heartbeat_seconds: float, signal: Signal) -> None:
        super().__init__(daemon=True)
        self.node = node
        self.heartbeat_seconds = heartbeat_seconds
        self.signal = signal
        self.ended = threading.Event()
        Watcher.made.append(self)

    def stop(self, successor: RayNode | None = None) -> None:
        self.ended.set()

    def watches(self, node: RayNode, heartbeat_seconds: float) -> bool:
        return (self.node, self.heartbeat_seconds) == (node, heartbeat_seconds)

    def run(self) -> None:
        while not self.ended.wait(0.05):
            self.signal(Watcher.says.get(self.node.name, {"heartbeat": RUNS}))


class Repairer:
    """In the place of the one that works on nodes."""

    def __init__(self, _: ClusterContext) -> None:
        pass

    def repair(self, due: dict[str, Any]) -> Outcome:
        raise KeyError("nobody thought of this")

    def close(self) -> None:
        pass


class Running:
    """A supervisor in a thread, and what it published last."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.said: dict[str, dict[str, Any]] = {}
        self.supervisor = Supervisor(ClusterContext.of(ConfigManager(path)), self.publish)
        self.thread = threading.Thread(target=self.supervisor.run, daemon=True)

    def publish(self, states: dict[str, dict[str, Any]]) -> None:
        self.said = states

    def states(self) -> dict[str, str]:
        return {name: str(said["state"]) for name, said in self.said.items()}

    def events(self, kind: str) -> list[dict[str, Any]]:
        return [event for event in Journal(self.path).last(1000) if event["event"] == kind]


@pytest.fixture
def running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    Watcher.made, Watcher.says = [], {}
    monkeypatch.setattr(supervisor_module, "NodeWatcher", Watcher)
    monkeypatch.setattr(supervisor_module, "Repairer", Repairer)
    path = tmp_path / "config.yaml"
    path.write_text(CONFIG)
    Membership(path).want(["head", "w1", "w2"])
    made = Running(path)
    made.thread.start()
    wait_for(made.states, {"head": "running", "w1": "running", "w2": "running"})
    yield made
    made.supervisor.stop()
    made.thread.join(10)
    assert not made.thread.is_alive()


def watchers_of(name: str) -> list[Watcher]:
    return [watcher for watcher in Watcher.made if watcher.node.name == name]


def test_what_one_node_says_ends_neither_the_supervisor_nor_the_watch_of_others(running: Running) -> None:
    Watcher.says["w1"] = {"heartbeat": {"x": 1}}
    wait_for(lambda: [event["part"] for event in running.events("supervisor error")], ["judging w1"])
    Watcher.says["w2"] = {"contact_error": "it is away"}
    wait_for(lambda: running.states()["w2"], "lost")
    del Watcher.says["w1"], Watcher.says["w2"]
    wait_for(running.states, {"head": "running", "w1": "running", "w2": "running"})


def test_any_part_that_fails_is_told_once_and_begun_anew(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise ZeroDivisionError("once more")

    for part in ("_judge", "_look", "_somebody_operates"):
        with monkeypatch.context() as patched:
            before = len(running.events("supervisor error"))
            patched.setattr(running.supervisor, part, fail)
            wait_for(lambda: len(running.events("supervisor error")), before + 1)
            again = time.monotonic() + 0.5
            wait_for(lambda: time.monotonic() > again)  # noqa: B023 - long enough to fail again
        assert len(running.events("supervisor error")) == before + 1
    Watcher.says["w2"] = {"contact_error": "it is away"}
    wait_for(lambda: running.states()["w2"], "lost")


def test_states_that_could_not_be_published_are_published_later(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: Any) -> None:
        raise OSError("no room")

    with monkeypatch.context() as patched:
        patched.setattr(running.supervisor, "_publish", fail)
        Watcher.says["w2"] = {"contact_error": "it is away"}
        wait_for(lambda: len(running.events("supervisor error")), 1)
        assert running.states()["w2"] == "running"
    wait_for(lambda: running.states()["w2"], "lost")


def test_a_repair_that_fails_in_an_unforeseen_way_is_an_attempt_of_that_node(running: Running) -> None:
    Watcher.says["w1"] = {"heartbeat": {**RUNS, "running": []}}
    wait_for(lambda: "KeyError" in str(running.said["w1"]["tried"]))
    assert running.states()["w2"] == "running"
    assert running.events("supervisor error")[0]["part"] == "repairing w1"


def test_a_watch_that_fails_in_an_unforeseen_way_stands_in_the_journal_once(running: Running) -> None:
    Watcher.says["w1"] = {"contact_error": "its watch failed: KeyError: 'x'", "watch_error": "KeyError: 'x'"}
    wait_for(lambda: running.states()["w1"], "lost")
    told = [(event["part"], event["error"]) for event in running.events("supervisor error")]
    assert told == [("the watch of w1", "KeyError: 'x'")]


def test_a_watcher_that_died_is_begun_anew(running: Running) -> None:
    (dead,) = watchers_of("w1")
    dead.stop()  # its thread ends, and nobody told the supervisor to let it go
    wait_for(lambda: [one.is_alive() for one in watchers_of("w1")], [False, True])
    assert [event["reason"] for event in running.events("watched anew")] == ["its watch had ended"]


@pytest.mark.parametrize(
    ("change", "again"),
    [
        (("workers_ssh_hosts: w1:22", "workers_ssh_hosts: w1:2222"), {"w1"}),
        (("beat: 0.2", "beat: 0.3"), {"head", "w1", "w2"}),
        (("head: {host: head}", "head: {host: head}\nworker: {temp_dir: /tmp/other}"), {"w1", "w2"}),
        (("head: {host: head}", "head: {host: head}\nremote: {python_path: /opt/python}"), {"w1", "w2"}),
    ],
)
def test_a_node_that_is_configured_otherwise_is_watched_anew(
    running: Running, change: tuple[str, str], again: set[str]
) -> None:
    running.path.write_text(CONFIG.replace(*change))
    wait_for(lambda: {event["node"] for event in running.events("watched anew")}, again)
    for name in again:
        wait_for(lambda: [one.ended.is_set() for one in watchers_of(name)], [True, False])  # noqa: B023 - waited for
        old, new = watchers_of(name)
        wait_for(new.is_alive)
        # What the old one still hears is about another place, and moves nobody to a repair there.
        old.signal({"heartbeat": {**RUNS, "running": []}})
    wait_for(running.states, {"head": "running", "w1": "running", "w2": "running"})
    assert running.events("decided") == []


def test_a_configuration_that_is_saved_by_an_editor_is_not_gone(running: Running) -> None:
    away = running.path.with_name("config.yaml~")
    for _ in range(3):
        running.path.rename(away)
        back = time.monotonic() + 0.3
        wait_for(lambda: time.monotonic() > back)  # noqa: B023 - some of the supervisor's turns
        running.path.write_text(CONFIG)
    assert running.thread.is_alive()
    assert running.events("supervisor stopped") == []
    running.path.unlink()
    running.thread.join(10)
    (stopped,) = running.events("supervisor stopped")
    assert stopped["reason"] == "the configuration has been gone for 3 s"


def test_a_watch_survives_an_error_that_nobody_thought_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sage_cluster.supervision.watcher.RETRY_SECONDS", 0.01)
    errors = [ValueError("no JSON"), NodeError("away"), KeyError("x")]

    class Nodes:
        def watch(self, node: RayNode) -> None:
            raise errors.pop() if errors else NodeError("away again")

        def forget(self, node: RayNode) -> None:
            pass

    told: list[str] = []
    node: Any = type("Node", (), {"name": "w1"})
    nodes: Any = Nodes()
    watcher = NodeWatcher(node, nodes, 1.0, lambda heard: told.append(str(heard.get("contact_error"))))
    watcher.start()
    wait_for(lambda: "away again" in told)
    watcher.stop()
    watcher.join(5)
    assert told[:3] == ["its watch failed: KeyError: 'x'", "away", "its watch failed: ValueError: no JSON"]


@pytest.mark.parametrize(("port", "dropped"), [(22, 0), (2222, 1)])
def test_a_successor_keeps_the_connection_to_the_same_place(port: int, dropped: int) -> None:
    forgotten: list[RayNode] = []
    began, release = threading.Event(), threading.Event()

    class Nodes:
        def watch(self, node: RayNode) -> None:
            began.set()
            release.wait(10)
            raise NodeError("ended")

        def forget(self, node: RayNode) -> None:
            forgotten.append(node)

    def node_at(port: int) -> RayNode:
        spec: Any = {}
        return RayNode("w1", "worker", Target("w1", port), spec)

    nodes: Any = Nodes()
    watcher = NodeWatcher(node_at(22), nodes, 1.0, lambda *_: None)
    watcher.start()
    assert began.wait(5)
    watcher.stop(node_at(port))
    release.set()
    watcher.join(5)
    assert len(forgotten) == dropped


def test_a_pause_of_its_own_loses_no_node(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    """As after a SIGSTOP, with connections that have to be made anew: nobody says anything for a moment."""
    Watcher.says.update({name: {"sshd_refuses": False} for name in ("head", "w1", "w2")})
    clock = time.clock_gettime
    monkeypatch.setattr(supervisor_module.time, "clock_gettime", lambda which: clock(which) + 60)
    silent_until = time.monotonic() + 2.0
    wait_for(lambda: time.monotonic() > silent_until)  # more than `silent_after`
    assert [round(event["seconds"]) for event in running.events("paused")] == [60]
    assert [event["state"] for event in running.events("observed")] == ["running"] * 3
    wait_for(lambda: set(running.states().values()), {"lost"}, 15)  # a node that stays silent is noticed all the same


def test_a_pause_while_it_hears_loses_no_node_either(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is most of the time in there, and judges right after it."""
    signals, paused = running.supervisor._signals, threading.Event()
    update = signals.update

    def stopped(records: Any, seconds: float) -> set[str]:
        if not paused.is_set():
            paused.set()
            threading.Event().wait(2.0)  # as long as it was stopped: more than `silent_after`
            return set()
        return update(records, seconds)

    monkeypatch.setattr(signals, "update", stopped)
    wait_for(lambda: len(running.events("paused")), 1)
    again = time.monotonic() + 0.5
    wait_for(lambda: time.monotonic() > again)  # some turns more
    assert [event["state"] for event in running.events("observed")] == ["running"] * 3


def test_it_is_ended_though_it_was_stopped_and_says_why(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("head: {host: 127.0.0.1, ssh_port: 1}\n")
    supervision = SupervisorProcess(path)
    supervision.await_running(supervision.begin())
    os.kill(supervision.pid(), signal.SIGSTOP)
    paused = time.monotonic() + 1.6
    wait_for(lambda: time.monotonic() > paused)
    os.kill(supervision.pid(), signal.SIGCONT)
    wait_for(lambda: "paused" in [event["event"] for event in Journal(path).last()])
    assert supervision.end()
    assert Journal(path).last(1)[0]["reason"] == "it was told to"
