"""Ray and Python are compared before Ray starts on a node; a start of a part begins the supervisor."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest

from sage_cluster import ClusterManager
from sage_lab import Lab

pytestmark = pytest.mark.lab

OTHER = "/opt/other/bin"
PYTHON = """#!/bin/sh
case "$2" in *metadata*) echo @PYTHON@; echo @RAY@ ;; *) exec @REAL@/python "$@" ;; esac
"""
"""Plays another Python with another Ray as far as it is asked for versions; all else is done by the real one."""


@pytest.fixture
def real(cluster_manager: ClusterManager) -> str:
    """The directory of the Ray that all nodes have."""
    return str(cluster_manager.config.load().head.ray_command).rpartition("/")[0]


@pytest.fixture(autouse=True)
def other_gone_afterwards(lab: Lab) -> Iterator[None]:
    yield
    for node in ("head", "worker-1", "worker-2"):
        lab.run(node, ["rm", "-rf", OTHER])


def put(lab: Lab, node: str, real: str, python: str, ray: str) -> None:
    """Put another environment on a node: its `ray` is the real one, under a Python that tells these versions."""
    text = PYTHON.replace("@PYTHON@", python).replace("@RAY@", ray).replace("@REAL@", real)
    program = (
        f'd={OTHER}; mkdir -p $d; cat >$d/python; (echo "#!$d/python"; tail -n +2 {real}/ray) >$d/ray; chmod 755 $d/*'
    )
    assert lab.run(node, ["sh", "-c", program], stdin=text).returncode == 0


def test_a_head_that_would_ask_another_ray_than_it_runs_is_refused(
    lab: Lab, cluster_manager: ClusterManager, real: str
) -> None:
    assert cluster_manager.stop_cluster().success
    put(lab, "head", real, "3.11.99", "2.0.0")
    cluster_manager.config.set("head.python_path", f"{OTHER}/python")
    result = cluster_manager.start_cluster()
    assert [node.name for node in result.nodes] == ["head"]
    assert "head: Ray 2.60." in result.message
    assert f"{OTHER}/python has Ray 2.0.0 on Python 3.11.99" in result.message
    assert lab.run("head", ["pgrep", "-u", "sage", "-f", "gcs_server|raylet"]).stdout == ""


def test_a_worker_with_another_python_is_refused_and_holds_up_no_other(
    lab: Lab, cluster_manager: ClusterManager, real: str
) -> None:
    assert cluster_manager.head.start().success
    assert cluster_manager.workers.stop_workers().success
    here = ".".join(map(str, sys.version_info[:3]))
    put(lab, "worker-1", real, here, "2.60.0")
    put(lab, "worker-2", real, "3.11.99", "2.60.0")
    cluster_manager.config.set("remote.ray_command", f"{OTHER}/ray")
    result = cluster_manager.workers.start_workers()
    assert [node.name for node in result.failed] == ["worker-2"], result.message
    assert "worker-2: Ray 2.60.0 on Python 3.11.99 would run here" in result.message
    assert f"on Python {here}; nothing was started" in result.message
    assert lab.run("worker-2", ["pgrep", "-u", "sage", "raylet"]).stdout == ""

    cluster_manager.config.set("cluster.version_check", False)
    assert cluster_manager.workers.start_workers(names=["worker-2"]).success  # Ray itself sees the real Python


def test_starting_a_part_begins_the_supervisor(cluster_manager: ClusterManager) -> None:
    cluster_manager.config.set("recovery.enabled", True)
    assert not cluster_manager.supervision.is_running()
    path = str(cluster_manager.config.path)
    try:
        argv = [sys.executable, "-m", "sage_cluster.cli", "--config", path]
        for words in (["head", "start"], ["worker", "start", "worker-1"]):
            subprocess.run([*argv, *words], check=True, capture_output=True, timeout=180)
            assert cluster_manager.supervision.is_running()
            cluster_manager.supervision.end()
    finally:
        cluster_manager.supervision.end()
