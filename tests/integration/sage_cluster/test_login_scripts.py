"""What the login script of a node's user does to the managers: nothing."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sage_cluster import ClusterManager
from sage_lab import Lab

pytestmark = pytest.mark.lab

SCRIPTS = {
    "prints what looks like JSON": "echo '{ welcome }'; echo '{\"heartbeat\": {\"x\": 1}}'",
    "prints without a line end": "printf 'mail for you'",
    "reads standard input": "cat > /dev/null",
    "is slow": "sleep 3",
}


@pytest.fixture
def worker(lab: Lab) -> Iterator[str]:
    """A worker whose user may get another login script; its own one is back afterwards."""
    kept = lab.run("worker-1", ["sh", "-c", "cat ~/.bashrc; getent passwd sage >&2"], user="sage")
    assert kept.stderr.strip().endswith("bash"), "sshd gives this user another shell"
    yield "worker-1"
    assert lab.run("worker-1", ["sh", "-c", "cat > ~/.bashrc"], user="sage", stdin=kept.stdout).returncode == 0


@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS)
def test_a_status_is_the_same_whatever_the_login_script_does(
    lab: Lab, cluster_manager: ClusterManager, worker: str, script: str
) -> None:
    assert lab.run(worker, ["sh", "-c", "cat > ~/.bashrc"], user="sage", stdin=f"{script}\n").returncode == 0
    status = cluster_manager.status_cluster()
    assert {node.name: node.problem for node in status.nodes} == {"head": "", "worker-1": "", "worker-2": ""}


def test_a_login_script_that_ends_the_shell_is_that_nodes_problem(
    lab: Lab, cluster_manager: ClusterManager, worker: str
) -> None:
    assert lab.run(worker, ["sh", "-c", "cat > ~/.bashrc"], user="sage", stdin="exit 3\n").returncode == 0
    status = cluster_manager.status_cluster()
    assert status.node(worker).problem.startswith(f"{worker}: 'probe' ended with status 3 and no answer")
    assert "whether a login script ends the shell" in status.node(worker).problem
    assert status.node("worker-2").problem == ""
