"""What Ray would refuse, or the managers decide themselves, is refused before a node is touched."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sage_cluster.config.schema import SOCKET_BYTES, Config
from sage_cluster.config_manager import ConfigManager
from sage_cluster.errors import ConfigError
from tests.support.cluster_command import call

GOOD = "good, 0 workers"


def check(tmp_path: Path, text: str) -> str:
    file = tmp_path / "config.yaml"
    file.write_text(text)
    return call("--config", file, "config", "check").output


def refused(**sections: Any) -> str:
    with pytest.raises(ValueError, match="Value error") as caught:
        Config.model_validate(sections)
    return str(caught.value)


@pytest.mark.parametrize(
    ("key", "longest", "socket"),
    [("worker", 43, "plasma_store"), ("head", 39, "dash_MetricsHead")],
)
@pytest.mark.parametrize("letter", ["x", "雷"])
def test_rays_sockets_fit_below_a_temp_dir(tmp_path: Path, key: str, longest: int, socket: str, letter: str) -> None:
    room = longest - len("/tmp/")
    fits = "/tmp/" + letter * (room // len(letter.encode()))
    assert GOOD in check(tmp_path, f"{key}: {{temp_dir: {fits}}}\n")
    path = f"{fits}/session_2026-01-31_12-34-56_123456_4194304/sockets/{socket}"
    assert SOCKET_BYTES - len(letter.encode()) < len(path.encode()) <= SOCKET_BYTES
    said = check(tmp_path, f"{key}: {{temp_dir: {fits}{letter}}}\n")
    assert f"config.yaml:1: {key}.temp_dir is " in said
    assert f"a path of at most {longest} bytes" in said


def test_without_a_dashboard_the_heads_temp_dir_may_be_longer(tmp_path: Path) -> None:
    assert GOOD in check(tmp_path, f"head: {{dashboard: false, temp_dir: /tmp/{'x' * 38}}}\n")


@pytest.mark.parametrize(
    "argument",
    [
        *("--head", "--address=1.2.3.4:6379", "--port=6380", "--node-ip-address=1.2.3.4", "--node-name=x", "--block"),
        *("--temp-dir=/tmp/x", "--include-dashboard=false", "--dashboard-host=0.0.0.0"),
        "--dashboard-port=1",
    ],
)
@pytest.mark.parametrize("section", ["head", "worker"])
def test_an_argument_that_the_managers_give_is_refused_by_name(tmp_path: Path, section: str, argument: str) -> None:
    said = check(tmp_path, f'{section}:\n  ray_args: ["-v", "{argument}"]\n')
    assert f"config.yaml:2: {section}.ray_args is " in said
    assert f"no {argument.partition('=')[0]}, which the managers decide" in said


def test_what_a_key_says_is_not_said_again() -> None:
    assert "num_cpus beside it says it" in refused(worker={"num_cpus": 0, "ray_args": ["--num-cpus", "2"]})
    Config.model_validate({"worker": {"ray_args": ["--num-cpus", "2", "--resources={}"]}})


@pytest.mark.parametrize(
    ("head", "said"),
    [
        ({"head_port": 8265}, "head.head_port is the same"),
        ({"dashboard_port": 6379}, "head.head_port is the same"),
        ({"head_port": 10001}, "another port for --ray-client-server-port: head.head_port is 10001 too"),
        ({"ray_args": ["--ray-client-server-port=8265"]}, "head.dashboard_port is 8265 too"),
        ({"ray_args": ["--metrics-export-port", "6379"]}, "head.head_port is 6379 too"),
        ({"dashboard_port": 52365}, "another port for --dashboard-agent-listen-port"),
        ({"head_port": 12000}, "--min-worker-port 10002, --max-worker-port 19999) without 12000: head.head_port"),
        ({"ray_args": ["--min-worker-port=6000"]}, "without 6379: head.head_port has it"),
    ],
)
def test_two_servers_with_one_port_are_named(head: dict[str, Any], said: str) -> None:
    assert said in refused(head=head)


@pytest.mark.parametrize(
    "head",
    [
        {"head_port": 8265, "dashboard_port": 8266},
        {"head_port": 10001, "ray_args": ["--ray-client-server-port=10000"]},
        {"head_port": 12000, "ray_args": ["--min-worker-port=20000", "--max-worker-port=30000"]},
        {"ray_args": ["--metrics-export-port=0", "--node-manager-port=0"]},
        {"head_port": 12000, "ray_args": ["--worker-port-list=20000,20001"]},
        {"head_port": 12000, "ray_args": ["--min-worker-port=0", "--max-worker-port=0"]},
    ],
)
def test_ports_that_differ_are_good(head: dict[str, Any]) -> None:
    Config.model_validate({"head": head})


def test_the_dashboard_is_reached_from_the_head_alone_unless_said_otherwise(tmp_path: Path) -> None:
    assert Config().head.dashboard_host == "127.0.0.1"
    for host in ("127.0.0.1", "localhost", "'::1'"):
        assert "warning" not in check(tmp_path, f"head: {{dashboard_host: {host}}}\n")
    for host in ("0.0.0.0", "10.0.0.1", "'::'", "head-1"):
        said = check(tmp_path, f"head: {{dashboard_host: {host}}}\n")
        assert GOOD in said
        assert f"warning: head.dashboard_host is {host.strip(chr(39))}: " in said
        assert "can run code as the cluster's user" in said
    assert "warning" not in check(tmp_path, "head: {dashboard: false, dashboard_host: 0.0.0.0}\n")


def test_a_port_that_is_sshs_too_is_doubted(tmp_path: Path) -> None:
    assert "warning: head.head_port is 2222, as head.ssh_port is" in check(
        tmp_path, "head: {ssh_port: 2222, head_port: 2222}\n"
    )


def test_what_is_refused_leaves_the_file_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("head: {dashboard_port: 8265}\n")
    with pytest.raises(ConfigError, match=r"head\.dashboard_port is 8265, expected a port of its own"):
        ConfigManager(file).set("head.head_port", 8265)
    assert file.read_text() == "head: {dashboard_port: 8265}\n"
