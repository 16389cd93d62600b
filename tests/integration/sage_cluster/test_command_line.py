"""`sage-cluster` as a person uses it, on the lab's nodes."""

from __future__ import annotations

import json
import subprocess

import pytest

from sage_cluster import ConfigManager
from sage_lab import Lab

pytestmark = pytest.mark.lab


def sage_cluster(lab: Lab, *words: str) -> subprocess.CompletedProcess[str]:
    command = ["sage-lab", "exec", "--name", lab.name, "--", "sage-cluster", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def test_a_day_in_the_life(lab: Lab) -> None:
    started = sage_cluster(lab, "start")
    assert started.returncode == 0, started.stdout + started.stderr
    assert "worker-2: running" in started.stdout
    assert "start cluster: done in" in started.stdout

    status = json.loads(sage_cluster(lab, "--json", "status").stdout)
    assert status["active_workers"] == ["worker-1", "worker-2"]

    info = sage_cluster(lab, "info")
    assert "http://198.18.1.10:8265" in info.stdout

    scaled = sage_cluster(lab, "scale", "remove", "worker-2")
    assert scaled.returncode == 0, scaled.stdout + scaled.stderr
    assert ConfigManager(lab.config_path).get_workers_ssh_hosts() == [("worker-1", 22)]
    assert ConfigManager(lab.config_path).add_worker_ssh_host("worker-2")

    degraded = sage_cluster(lab, "status")
    assert degraded.returncode == 1
    assert "stopped" in degraded.stdout

    one = sage_cluster(lab, "worker", "stop", "worker-1")
    assert one.returncode == 0, one.stdout + one.stderr

    stopped = sage_cluster(lab, "--json", "stop")
    assert stopped.returncode == 0
    assert json.loads(stopped.stdout)["success"] is True

    journal = sage_cluster(lab, "journal").stdout
    assert "start cluster  ok" in journal
    assert "stop cluster  ok" in journal


def test_errors_are_text_without_a_traceback(lab: Lab) -> None:
    refused = sage_cluster(lab, "worker", "start", "worker-9")
    assert refused.returncode == 1
    assert "no worker worker-9" in refused.stderr
    assert "worker-1, worker-2" in refused.stderr
    assert "Traceback" not in refused.stderr
