"""Deployments to real nodes: who gets what, whose versions may not meet, and what a running Ray sees."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import yaml

from sage_cluster import ClusterManager, ConfigManager, DeploymentManager
from sage_lab import Lab
from tests.support.wheels import make_wheel

pytestmark = pytest.mark.lab

DEPLOY = "/home/sage/.sage/deploy"
NODES = ("head", "worker-1", "worker-2")


def project(directory: Path, answer: int) -> Path:
    files = {"answering/__init__.py": f"ANSWER = {answer}\n".encode()}
    return make_wheel(directory / str(answer), files, name="answering")


@pytest.fixture
def manager(lab: Lab, cluster_manager: ClusterManager, tmp_path: Path) -> DeploymentManager:
    for node in lab.nodes:
        lab.run(node.name, ["rm", "-rf", DEPLOY, "/home/sage/.sage/config.yaml"])
    (tmp_path / "wheels").mkdir()
    cluster_manager.config.set("deploy.wheels", str(tmp_path / "wheels"))
    cluster_manager.config.set("deploy.cache", str(tmp_path / "cache"))
    cluster_manager.config.set("deploy.project", str(project(tmp_path, 1)))
    return cluster_manager.deployment


def read(lab: Lab, node: str, path: str) -> str:
    return lab.run(node, ["cat", path], user="sage").stdout


def test_each_node_gets_the_release_and_its_own_configuration(lab: Lab, manager: DeploymentManager) -> None:
    result = manager.deploy()
    assert result.success, result.message
    assert len({node.details["release"] for node in result.nodes}) == 1
    for name in NODES:
        assert read(lab, name, f"{DEPLOY}/current/site/answering/__init__.py") == "ANSWER = 1\n"
        configuration = yaml.safe_load(read(lab, name, "/home/sage/.sage/config.yaml"))
        assert configuration["node"]["name"] == name
        assert "key_path" not in configuration["ssh"]
    owner = lab.run("worker-1", ["stat", "-c", "%U %a", DEPLOY]).stdout.strip()
    assert owner == "sage 700"


def test_one_worker_or_all_of_them(lab: Lab, manager: DeploymentManager) -> None:
    assert manager.deploy_to_worker("worker-2", 22) is True
    assert read(lab, "worker-1", f"{DEPLOY}/current/site/answering/__init__.py") == ""
    assert manager.deploy_to_all_workers() == (2, 2)
    lab.node("worker-1").power_off()
    try:
        assert manager.deploy_to_all_workers() == (1, 2)
    finally:
        lab.node("worker-1").power_on()


def test_a_ray_that_runs_keeps_to_its_release_until_it_is_restarted(
    lab: Lab, cluster_manager: ClusterManager, manager: DeploymentManager, tmp_path: Path
) -> None:
    """Every process of one Ray, also those that begin after the deployment, sees one release."""
    manager.deploy()
    assert cluster_manager.head.stop().success
    assert cluster_manager.head.start().success
    ask = "import ray, sys; ray.init(address=sys.argv[1], logging_level='ERROR', log_to_driver=False)\n"
    ask += "def answer():\n    import answering\n    return answering.ANSWER\n"
    ask += "print(ray.get(ray.remote(max_calls=1)(answer).remote()))\n"  # a new process for each task
    python = cluster_manager.config.get("head.python_path")
    address = f"{lab.node('head').cluster_address}:6379"

    def answer() -> str:
        done = lab.run("head", [python, "-", address], user="sage", timeout=90, stdin=ask)
        return done.stdout.strip() or done.stderr

    assert answer() == "1"
    result = manager.deploy(names=["head"], project=project(tmp_path, 2))
    assert result.success, result.message
    assert result.nodes[0].details["restart_needed"] is True
    assert answer() == "1"
    restarted = cluster_manager.head.restart()
    assert restarted.success, restarted.message
    assert answer() == "2"
    assert manager.deploy(names=["head"], project=project(tmp_path, 2)).nodes[0].details["restart_needed"] is False


def test_another_python_than_the_heads_is_refused(lab: Lab, manager: DeploymentManager) -> None:
    version = lab.run("worker-1", ["/usr/bin/python3", "-c", "import platform; print(platform.python_version())"])
    heads = ".".join(map(str, sys.version_info[:3]))
    if version.stdout.strip() == heads:
        pytest.skip("the machine's own Python is the environment's Python")
    manager.config.set("remote.python_path", "/usr/bin/python3")
    manager.config.set("remote.ray_command", manager.config.get("head.ray_command"))
    result = manager.deploy()
    assert [node.name for node in result.failed] == ["worker-1", "worker-2"]
    for node in result.failed:
        assert node.error.startswith(f"{node.name}: ")
        assert version.stdout.strip() in node.error
        assert f"{heads} on the head" in node.error


def test_a_second_controller_waits_for_the_node(lab: Lab, manager: DeploymentManager, tmp_path: Path) -> None:
    """Its own lock does not see the first one's deployment; the node's lock does, and is free within a bound."""
    hold = f"mkdir -p {DEPLOY}/blobs {DEPLOY}/releases; exec flock {DEPLOY}/lock sleep 3"
    lab.run(
        "worker-1", ["sh", "-c", f"({hold}) >/dev/null 2>&1 & until test -e {DEPLOY}/lock; do :; done"], user="sage"
    )
    other = tmp_path / "other.yaml"
    other.write_bytes(manager.config.path.read_bytes())
    second = DeploymentManager(ConfigManager(other))
    try:
        result = second.deploy(names=["worker-1"])
    finally:
        second.close()
    assert result.success, result.message


def test_a_worker_that_cannot_be_deployed_to_does_not_join(
    lab: Lab, cluster_manager: ClusterManager, manager: DeploymentManager, tmp_path: Path
) -> None:
    broken = make_wheel(tmp_path, {"broken/__init__.py": b"raise RuntimeError('not here')\n"}, name="broken")
    manager.config.set("deploy.project", str(broken))
    result = cluster_manager.scale_cluster("add", "new-worker")
    assert not result.success
    assert "new-worker: " in result.message
    assert "not here" in result.message
    assert "new-worker" not in cluster_manager.workers.list_workers()
