"""Words that look at nodes and fetch things: a tool that fails is the lab's trouble, never a finding on the cluster."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from sage_cluster import ConfigManager
from sage_cluster.nodes.spec import worker_nodes
from sage_cluster.on_node.environment import RayEnvironment
from sage_cluster.on_node.start import ray_start_command
from sage_lab import Topology, files
from sage_lab.faults.agent import ANSWER
from sage_lab.faults.errors import NodeRefusedError
from sage_lab.model import Completed, nodes_of
from SageLibrary.context import Stage
from SageLibrary.keywords import deployment
from SageLibrary.keywords.deployment import DeploymentKeywords
from SageLibrary.keywords.faults import KILL_ALL
from SageLibrary.keywords.nodes import NodeKeywords, plain_start
from SageLibrary.recording.verdict import InfraError, judged


class OneAnswer:
    """A lab whose nodes answer every command alike, on a stage whose results lie in one directory."""

    def __init__(self, results: Path, ended: Completed) -> None:
        self.lab = self
        self.results = lambda: results
        self.run = lambda *_, **__: ended
        self.node = lambda name: SimpleNamespace(role=name, python="python3")
        self.cluster = SimpleNamespace(config={"head.temp_dir": "/tmp/of the head"})


def words(tmp_path: Path, status: int, stdout: str = "", stderr: str = "") -> NodeKeywords:
    return NodeKeywords(cast("Stage", OneAnswer(tmp_path, Completed(("ps",), status, stdout, stderr))))


def processes(*found: list[object]) -> str:
    return f"{ANSWER}{json.dumps({'processes': found})}"


def test_processes_that_cannot_be_read_are_no_clean_node(tmp_path: Path) -> None:
    with pytest.raises(NodeRefusedError, match="ended with status 126 and no answer: no python") as caught:
        words(tmp_path, 126, stderr="no python\n").node_should_run_ray_processes("head")
    assert isinstance(judged(caught.value), InfraError)


def test_every_process_of_the_cluster_is_told(tmp_path: Path) -> None:
    words(tmp_path, 0, processes()).node_should_run_ray_processes("head")
    words(tmp_path, 0, processes([7, "raylet"])).node_should_run_ray_processes("head", "raylet")
    with pytest.raises(AssertionError, match=re.escape("Ray's processes on head were [(9, 'sh')], should be none")):
        words(tmp_path, 0, processes([9, "sh"])).node_should_have_stale_session_files("head")


def test_wheels_that_do_not_come_in_time_are_the_lab_s_trouble(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: Any, **how: Any) -> None:
        raise subprocess.TimeoutExpired("pip", how["timeout"])

    monkeypatch.setattr(deployment.subprocess, "run", never)
    stage = cast("Stage", OneAnswer(tmp_path, Completed((), 0, "", "")))
    with pytest.raises(InfraError, match="were not fetched in"):
        DeploymentKeywords(stage).fetch_wheels("isage")


def test_the_kill_of_everything_spares_who_does_it(tmp_path: Path) -> None:
    """A stand-in for ``ps`` shows three processes; what would be killed is written down."""
    tree = tmp_path / "bin"
    tree.mkdir()
    ps = tree / "ps"
    parents = 'case "$*" in *ppid*) test "$4" = 7 && echo 1 || echo 7 ;;'
    ps.write_text(f'#!/bin/sh\n{parents} *) echo " 7"; echo 8; echo $PPID ;; esac\n')
    ps.chmod(0o755)
    script = f'kill() {{ echo "$2 $3"; }}\n{KILL_ALL}'
    said = subprocess.run(
        ["sh", "-c", script], env={"PATH": f"{tree}:/usr/bin:/bin"}, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    killed = {line for line in said if line.split()[1] in {"7", "8"}}
    assert killed == {"STOP 8", "KILL 8"}


def test_a_node_is_looked_at_where_its_configuration_has_rays_files(tmp_path: Path) -> None:
    lab, asked = OneAnswer(tmp_path, Completed((), 0, processes(), "")), []
    answer = lab.run

    def run(node: str, argv: list[str], **how: Any) -> Completed:
        asked.append(argv[-1])
        return answer(node, argv, **how)

    lab.run = run
    NodeKeywords(cast("Stage", lab)).node_should_have_stale_session_files("head")
    assert "find '/tmp/of the head' " in asked[0]


def test_ray_started_by_hand_is_started_as_the_managers_start_it(tmp_path: Path) -> None:
    """The keyword does not use the managers' command, to be independent of it; but its time is compared with theirs."""
    path = tmp_path / "config.yaml"
    text = files.sage_config(nodes_of(Topology.of(workers=1)), Path("/k"), Path("/kh"))
    path.write_text(text.replace("host: head", "host: 127.0.0.1"))
    config = ConfigManager(path)
    (node,) = worker_nodes(config.load())
    plain = RayEnvironment(node.spec["ray_command"], node.spec["python"], (), {})
    theirs = ray_start_command(node.spec, plain, "198.18.1.11")
    assert sorted(plain_start(config, "worker-1", "127.0.0.1", "198.18.1.11")) == sorted(theirs)
