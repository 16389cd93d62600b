"""The program that goes to a node, really run; and what becomes of a node's answer."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from sage_cluster.config.schema import Config, parse_workers
from sage_cluster.errors import NodeError, RayStartError
from sage_cluster.nodes.agent import RayNodes
from sage_cluster.nodes.program import ANSWER, command_line
from sage_cluster.nodes.spec import RayNode, head_node, worker_node, worker_nodes
from sage_cluster.on_node import logs, ray_view
from sage_cluster.on_node import probe as on_probe
from sage_cluster.on_node import start as on_start
from sage_cluster.on_node import stop as on_stop
from sage_cluster.on_node.deploy.deploy import deploy, rollback
from sage_cluster.on_node.deploy.facts import facts
from sage_cluster.on_node.head import start_head
from sage_cluster.on_node.main import answer, run
from sage_cluster.on_node.watch import watch
from sage_cluster.ssh.connection import CommandResult, Target
from sage_cluster.ssh.pool import SshPool
from tests.support.sessions import OTHER_SESSION, SESSION, make_session

COMMANDS = [
    on_start.start,
    start_head,
    on_stop.stop,
    on_stop.kill_raylet,
    on_probe.probe,
    ray_view.ray_view,
    ray_view.dashboard,
    ray_view.drain,
    ray_view.await_raylet_end,
    logs.read_log,
    watch,
    deploy,
    rollback,
    facts,
]


def node_at(temp_dir: Path | str) -> RayNode:
    """A worker of that name, whose Python is this one."""
    config = Config.model_validate({"head": {"host": "head", "head_port": 1}})
    node = worker_node(config, parse_workers("worker-1:22")[0])
    return replace(node, spec={**node.spec, "python": sys.executable, "temp_dir": str(temp_dir)})


NODE = node_at("/none")


class LocalPool:
    """Runs what would go over SSH as a process of this machine; or answers with what it is given."""

    def __init__(self, stdout: str | None = None, returncode: int = 0, stderr: str = "") -> None:
        self.canned = None if stdout is None else (returncode, stdout, stderr)
        self.asked: list[dict[str, Any]] = []
        self.timeouts: list[float] = []
        self.peer_address = "10.9.8.7"

    def connection(self, target: Target) -> LocalPool:
        return self

    def run(
        self,
        target: Target,
        argv: Sequence[str],
        *,
        timeout: float,
        stdin: str = "",
        on_output: Callable[[str], None] | None = None,
    ) -> CommandResult:
        self.timeouts.append(timeout)
        self.asked.append({"argv": list(argv)})
        if self.canned is None:
            done = subprocess.run(argv, input=stdin, capture_output=True, text=True, timeout=30, check=False)
            returncode, stdout, stderr = done.returncode, done.stdout, done.stderr
        else:
            returncode, stdout, stderr = self.canned
            stdout = stdout.replace(ANSWER, f"{ANSWER}{argv[-1]}")
        return CommandResult(target, tuple(argv), returncode, stdout, stderr, 0.1)


def nodes_over(pool: LocalPool) -> RayNodes:
    return RayNodes(cast("SshPool", pool))


def answering(value: object) -> LocalPool:
    return LocalPool(f"motd of the node{ANSWER}{json.dumps(value)}\nbye\n")


def run_program(command: Callable[..., Any], spec: dict[str, Any]) -> subprocess.CompletedProcess[str]:
    """As on a node: no site packages, no environment, nothing of this project importable."""
    return subprocess.run(
        command_line(sys.executable, command, spec, ""),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        cwd="/",
        env={},
    )


def test_the_program_gives_the_same_answer_as_the_function(tmp_path: Path) -> None:
    make_session(tmp_path / "ray", SESSION, "läuft 'so' {weiter}\n")
    spec = {"temp_dir": f"{tmp_path}/ray", "log_dir": f"{tmp_path}/saved", "log": "raylet.out", "lines": 5}
    done = run_program(logs.read_log, spec)
    assert done.stderr == ""
    assert json.loads(done.stdout.removeprefix(ANSWER)) == answer(logs.read_log, spec)
    assert done.stdout.count("\n") == 1


def test_the_program_knows_every_command(tmp_path: Path) -> None:
    """Each module reaches the node: a spec without its keys is the first thing that is missed there."""
    for command in COMMANDS:
        done = run_program(command, {})
        assert done.returncode == 1
        assert "KeyError" in done.stderr.splitlines()[-1], f"{command}: {done.stderr}"


def test_the_program_stops_and_probes_like_the_functions(tmp_path: Path) -> None:
    make_session(tmp_path, SESSION)
    spec = {"temp_dir": str(tmp_path), "grace": 1, "keep_logs": 1, "log_dir": "", "versions": False}
    assert json.loads(run_program(on_stop.stop, spec).stdout.removeprefix(ANSWER))["sessions_removed"] == [SESSION]
    make_session(tmp_path, OTHER_SESSION)
    probed = json.loads(run_program(on_probe.probe, spec).stdout.removeprefix(ANSWER))
    assert probed["sessions"] == [OTHER_SESSION]
    assert set(probed) == set(answer(on_probe.probe, spec))


@pytest.mark.parametrize(
    ("command", "spec", "kind", "words"),
    [
        (logs.read_log, {"log": "x", "lines": 1}, "LogNotFoundError", "no session"),
        (
            on_start.start,
            {"role": "head", "ray_command": "/none/ray", "python_path": "", "conda_env": ""},
            "EnvironmentNotFoundError",
            "/none/ray",
        ),
        (
            ray_view.drain,
            {
                "timeout": 1,
                "ray_command": "",
                "python_path": "/none/python",
                "conda_env": "",
                "address": "x",
                "head_port": 1,
                "answer_timeout": 1.0,
            },
            "EnvironmentNotFoundError",
            "/none/python",
        ),
    ],
)
def test_a_foreseen_problem_is_an_answer(
    tmp_path: Path, command: Callable[..., Any], spec: dict[str, Any], kind: str, words: str
) -> None:
    given = {"temp_dir": str(tmp_path), "log_dir": str(tmp_path), "node_id": "a", **spec}
    told = json.loads(run(command, json.dumps(given)))
    assert told["kind"] == kind
    assert words in told["problem"]


def test_a_real_answer_comes_through(tmp_path: Path) -> None:
    pool = LocalPool()
    node = node_at(tmp_path)
    assert nodes_over(pool).probe(node)["health"] == "none"
    assert nodes_over(pool).kill_raylet(node) is None
    assert nodes_over(pool).await_raylet_end(node, 1.0) is True


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("RayStartFailedError", RayStartError),
        ("StartError", NodeError),
        ("EnvironmentNotFoundError", NodeError),
        ("RayDoesNotAnswerError", NodeError),
    ],
)
def test_a_nodes_problem_becomes_an_error_that_names_the_node(kind: str, error: type[NodeError]) -> None:
    pool = answering({"kind": kind, "problem": "port 6379 is taken"})
    with pytest.raises(NodeError, match="worker-1: port 6379 is taken") as caught:
        nodes_over(pool).probe(NODE)
    assert type(caught.value) is error


def test_without_an_answer_the_status_and_the_error_output_are_told() -> None:
    pool = LocalPool("", 127, "sh: 1: python9: not found\n")
    with pytest.raises(NodeError) as caught:
        nodes_over(pool).probe(NODE)
    assert "worker-1: 'probe' ended with status 127 and no answer: sh: 1: python9: not found" in str(caught.value)
    assert sys.executable in caught.value.fix


def test_a_crash_of_the_program_is_told_with_its_traceback() -> None:
    with pytest.raises(NodeError, match="TypeError: "):
        nodes_over(LocalPool()).read_log(replace(NODE, spec={**NODE.spec, "temp_dir": cast(str, 3)}), "raylet.out", 3)


def test_a_process_that_survives_a_stop_is_an_error() -> None:
    gone = {"was_running": True, "stopped": [1], "forced": [], "remaining": [], "sessions_removed": []}
    assert nodes_over(answering(gone)).stop(NODE, grace=1.0) == gone
    with pytest.raises(NodeError, match=r"worker-1: processes \[42\] survived even SIGKILL"):
        nodes_over(answering({**gone, "remaining": [42]})).stop(NODE, grace=1.0)


def test_a_start_tells_the_node_where_ssh_reached_it_and_waits_longer_than_the_node() -> None:
    raylet = {"node_id": "abc", "session": "s", "address": "10.9.8.7", "gcs_address": "10.0.0.1:6379"}
    pool = answering({**raylet, "already_running": False, "cleared": [], "raylet_pid": 1, "command": []})
    nodes_over(pool).start(NODE, session="s", fence=False, timeout=30.0)
    told = json.loads(pool.asked[0]["argv"][-2])
    assert (told["session"], told["timeout"], told["ssh_address"]) == ("s", 30.0, "10.9.8.7")
    assert pool.asked[0]["argv"][:4] == [sys.executable, "-I", "-S", "-c"]
    assert pool.asked[0]["argv"][5] == "start"
    assert pool.timeouts[0] > 30.0


def test_ray_is_asked_at_the_heads_gcs() -> None:
    row = {"node_id": "a", "node_ip": "10.0.0.2", "node_name": "w", "state": "ALIVE", "state_message": ""}
    pool = answering({"nodes": [row]})
    assert nodes_over(pool).ray_view(NODE, address="10.0.0.1", await_alive=("a",), timeout=3) == [row]
    told = json.loads(pool.asked[0]["argv"][-2])
    assert (told["address"], told["head_port"], told["await_alive"], told["timeout"]) == ("10.0.0.1", 1, ["a"], 3)


CONFIG: dict[str, Any] = {
    "head": {"host": "h", "ssh_port": 2200, "ray_command": "/opt/env/bin/ray", "temp_dir": "/tmp/h", "num_cpus": 1},
    "worker": {"temp_dir": "/tmp/w", "ray_args": ["-v"]},
    "remote": {"python_path": "/opt/py/bin/python", "conda_env": "sage"},
    "workers_ssh_hosts": "a:22,b:22,b:2222",
}


def test_nodes_are_made_from_the_configuration() -> None:
    config = Config.model_validate(CONFIG)
    head = head_node(config)
    assert (head.name, head.role, head.target) == ("h", "head", Target("h", 2200))
    assert (head.spec["python"], head.spec["ray_command"]) == ("/opt/env/bin/python3", "/opt/env/bin/ray")
    assert (head.spec["temp_dir"], head.spec["num_cpus"], head.spec["conda_env"]) == ("/tmp/h", 1, "")
    workers = worker_nodes(config)
    assert [w.name for w in workers] == ["a", "b", "b:2222"]
    assert workers[2].target == Target("b", 2222)
    first = workers[0].spec
    assert (first["python"], first["ray_command"], first["conda_env"]) == ("/opt/py/bin/python", "", "sage")
    assert (first["temp_dir"], first["ray_args"], first["num_cpus"]) == ("/tmp/w", ["-v"], None)
    json.dumps([head.spec, first])


@pytest.mark.parametrize(
    ("added", "names"),
    [("b:2223", ["b:2223"]), ("b:2222", ["b:2222"]), ("b", ["b"]), ("c:2222", ["c"]), ("c:22,c:2222", ["c", "c:2222"])],
)
def test_a_worker_that_is_added_takes_nobody_s_name(added: str, names: list[str]) -> None:
    config = Config.model_validate(CONFIG)
    workers = parse_workers(added)
    assert [worker_node(config, worker, beside=workers).name for worker in workers] == names


def test_without_any_path_the_nodes_own_python_is_used() -> None:
    config = Config.model_validate({"head": {"ray_command": "ray"}, "workers_ssh_hosts": "a"})
    assert head_node(config).spec["python"] == "python3"
    assert worker_node(config, config.workers[0]).spec["python"] == "python3"
