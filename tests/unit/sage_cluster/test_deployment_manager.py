"""The deployment manager, its command and the file that a node gets, as far as no node is needed."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from sage_cluster import ClusterManager, ConfigManager, DeploymentManager
from sage_cluster.config.schema import Config
from sage_cluster.deployment.node_config import node_configuration
from sage_cluster.deployment.session import DeploymentNodes
from sage_cluster.errors import ClusterBusyError, ConfigError, DeploymentError, NodeError
from sage_cluster.nodes.spec import head_node, worker_nodes
from tests.support.cluster_command import call, unreachable_cluster
from tests.support.projects import HERE, PROJECT, lay_out
from tests.support.wheels import make_wheel


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A head and a worker behind a port on which nothing listens."""
    return unreachable_cluster(tmp_path, f"deploy: {{cache: {tmp_path}/cache}}", worker="localhost")


def test_a_package_can_be_made_without_any_node(config: Path, tmp_path: Path) -> None:
    project = lay_out(tmp_path / "project", {**PROJECT, ".env": "secret"})
    package = DeploymentManager(ConfigManager(config)).create_deployment_package(project, HERE)
    assert package.imports == ("hello",)
    assert "site/hello.py" in {file.path for file in package.files}
    assert [one.path for one in package.left_out] == [".env"]
    assert package.size == sum(file.size for file in package.files)


def test_what_is_left_out_of_the_package_is_told_once(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(DeploymentManager, "_platform", lambda *_: HERE)
    monkeypatch.setattr(DeploymentNodes, "deploy", lambda *_, **__: {"release": "r"})
    project = lay_out(tmp_path / "project", {**PROJECT, ".env": "secret", "big.bin": "x"})
    (project / "settings.txt").symlink_to(".env")
    ConfigManager(config).set("deploy.exclude", ["*.bin"])
    told = [
        line for line in call("--config", config, "deploy", "--project", project).output.splitlines() if "(" in line
    ]
    assert told == [
        "not in the package: .env (secret, cache or data)",
        "not in the package: settings.txt (a link to what is not in the package, or no regular file)",
    ]


def test_nodes_that_are_not_reached_are_failures_that_name_them(config: Path, tmp_path: Path) -> None:
    manager = DeploymentManager(ConfigManager(config))
    result = manager.deploy(project=make_wheel(tmp_path))
    assert [node.name for node in result.failed] == ["127.0.0.1", "localhost"]
    assert [node.error for node in result.failed if "the connection was refused" not in node.error] == []
    assert [node.success for node in manager.rollback().nodes] == [False, False]
    manager.config.set("deploy.project", str(make_wheel(tmp_path)))
    assert manager.deploy_to_all_workers() == (0, 1)
    assert manager.deploy_to_worker("localhost", manager.config.get_workers_ssh_hosts()[0][1]) is False


def test_a_damaged_wheel_is_told_once_and_no_node_is_asked(config: Path, tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path)
    wheel.write_bytes(b"no zip")
    result = DeploymentManager(ConfigManager(config)).deploy(project=wheel)
    assert result.nodes == ()
    assert str(wheel) in result.error
    assert not result.success


def test_the_whole_cluster_needs_a_configured_project(config: Path) -> None:
    result = ClusterManager(ConfigManager(config)).deploy_cluster()
    assert "no project is named" in result.message
    assert "deploy.project" in result.message


def test_an_unknown_node_is_refused_with_those_there_are(config: Path) -> None:
    with pytest.raises(NodeError, match=r"no node elsewhere.*\n.*127\.0\.0\.1, localhost"):
        DeploymentManager(ConfigManager(config)).deploy(names=["elsewhere"])


def test_a_busy_cluster_is_not_deployed_to(config: Path, tmp_path: Path) -> None:
    one, other = DeploymentManager(ConfigManager(config)), ClusterManager(ConfigManager(config))
    with other.operations.exclusive("restart cluster"), pytest.raises(ClusterBusyError, match="restart cluster"):
        one.deploy(project=make_wheel(tmp_path))


def test_the_head_is_asked_when_no_platform_is_given(config: Path, tmp_path: Path) -> None:
    with pytest.raises(Exception, match=r"127\.0\.0\.1"):
        DeploymentManager(ConfigManager(config)).create_deployment_package(make_wheel(tmp_path))


def test_a_directory_of_wheels_that_is_not_there_is_told(config: Path, tmp_path: Path) -> None:
    manager = DeploymentManager(ConfigManager(config))
    manager.config.set("deploy.wheels", str(tmp_path / "nowhere"))
    with pytest.raises(DeploymentError, match="no such directory of wheels"):
        manager.create_deployment_package(make_wheel(tmp_path), HERE)


@pytest.mark.parametrize("words", [["--rollback", "--dry-run"], ["--rollback", "--project", "x"]])
def test_options_that_do_not_go_together_are_wrong_usage(config: Path, words: list[str]) -> None:
    assert call("--config", config, "deploy", *words).exit_code == 2


@pytest.mark.parametrize("words", [[], ["--dry-run"], ["--rollback"], ["localhost"]])
def test_the_command_fails_with_each_nodes_name(config: Path, tmp_path: Path, words: list[str]) -> None:
    ConfigManager(config).set("deploy.project", str(make_wheel(tmp_path)))
    result = call("--config", config, "deploy", *words)
    assert result.exit_code == 1
    assert "localhost" in result.output
    assert "FAILED" in result.output
    assert "Traceback" not in result.output


def test_a_node_gets_its_own_values_and_no_path_of_the_controller() -> None:
    content = yaml.safe_load(
        "head: {host: h, sage_home: /srv/sage}\n"
        "ssh: {user: sage, key_path: /secret/key, known_hosts: /secret/hosts}\n"
        "deploy: {project: /home/me/project, keep: 5}\n"
        "remote: {python_path: /opt/python}\n"
        "workers_ssh_hosts: [{host: w, port: 2222}]\n"
        "mine: {kept: true}\n"
    )
    config = Config.model_validate(content)
    worker = node_configuration(content, worker_nodes(config)[0])
    assert "/secret" not in worker
    assert "/home/me" not in worker
    read = yaml.safe_load(worker)
    assert read["node"]["name"] == "w"
    assert (read["node"]["role"], read["node"]["ssh_port"]) == ("worker", 2222)
    assert read["node"]["python_path"] == "/opt/python"
    assert read["mine"] == {"kept": True}
    assert read["deploy"] == {"keep": 5}
    assert Config.model_validate(read).workers == config.workers, "it is a configuration still"
    assert yaml.safe_load(node_configuration(content, head_node(config)))["node"]["sage_home"] == "/srv/sage"


@pytest.mark.parametrize(("key", "value"), [("keep", 0), ("keep", "3"), ("timeout", -1), ("exclude", "*.bin")])
def test_wrong_values_of_the_section_are_refused(config: Path, key: str, value: object) -> None:
    with pytest.raises(ConfigError, match=key):
        ConfigManager(config).set(f"deploy.{key}", value)
