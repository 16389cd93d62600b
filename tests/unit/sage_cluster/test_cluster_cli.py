"""The command `sage-cluster`: help, exit status, errors as text, JSON that is JSON. No node is reached."""

from __future__ import annotations

import json
from pathlib import Path

import click
import pytest
from click.testing import Result

from sage_cluster import ClusterManager, ConfigManager
from sage_cluster.cli import main
from tests.support.cluster_command import call, unreachable_cluster

GOOD = "head:\n  host: 127.0.0.1\n  head_port: 6380 # keep me\nworkers_ssh_hosts: a:22,b:2222\n"
OPERATIONS = [
    ["start"],
    ["stop"],
    ["stop", "--force"],
    ["restart"],
    ["restart", "--rolling"],
    ["scale", "add", "127.0.0.1"],
    ["scale", "add", "127.0.0.1:2", "127.0.0.1:3"],
    ["scale", "remove", "127.0.0.1"],
    ["head", "start"],
    ["head", "stop"],
    ["head", "restart"],
    ["worker", "start"],
    ["worker", "stop"],
    ["worker", "restart"],
]
QUESTIONS = [["status"], ["info"], ["head", "status"], ["worker", "status"]]
LOGS = [["head", "logs"], ["worker", "logs", "127.0.0.2"]]
FILE = [["worker", "list"], ["config", "check"], ["config", "get", "head.host"], ["config", "set", "head.host", "x"]]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "config.yaml"
    path.write_text(GOOD)
    return path


@pytest.fixture
def unreachable(tmp_path: Path) -> Path:
    """A cluster of one head and one worker behind a port on which nothing listens."""
    return unreachable_cluster(tmp_path)


def check_told_as_text(result: Result) -> None:
    assert result.exit_code == 1
    assert isinstance(result.exception, SystemExit), repr(result.exception)
    assert "Traceback" not in result.output


def unwrapped(result: Result) -> str:
    return result.output.replace("\n", " ").replace("  ", " ")


def commands(group: click.Group, *path: str) -> list[list[str]]:
    found = [[*path]]
    for name, command in group.commands.items():
        found += commands(command, *path, name) if isinstance(command, click.Group) else [[*path, name]]
    return found


@pytest.mark.parametrize("path", commands(main), ids=lambda path: " ".join(path) or "sage-cluster")
def test_every_command_explains_itself(path: list[str]) -> None:
    result = call(*path, "--help")
    assert result.exit_code == 0
    assert len(result.output.splitlines()[2].strip()) > 10


@pytest.mark.parametrize("path", [[], ["scale"]], ids=["sage-cluster", "scale"])
def test_help_has_examples(path: list[str]) -> None:
    examples = call(*path, "--help").output.partition("Examples:")[2]
    assert "sage-cluster scale add node7" in examples


@pytest.mark.parametrize(
    "arguments",
    [
        ["fly"],
        ["--wait", "soon", "start"],
        ["start", "now"],
        ["scale", "shrink", "a:22"],
        ["scale", "add"],
        ["worker", "logs"],
        ["head", "logs", "--lines", "many"],
        ["config", "set", "head.host"],
    ],
    ids=" ".join,
)
def test_wrong_usage_ends_with_2(arguments: list[str], config: Path) -> None:
    result = call("--config", config, *arguments)
    assert result.exit_code == 2
    assert "Usage:" in result.output


@pytest.mark.parametrize("arguments", [*OPERATIONS, *QUESTIONS, *LOGS, *FILE], ids=" ".join)
def test_without_a_configuration_the_error_names_the_file_and_nothing_is_made(
    arguments: list[str], tmp_path: Path
) -> None:
    path = tmp_path / "none" / "config.yaml"
    result = call("--config", path, *arguments)
    check_told_as_text(result)
    assert path.name in result.output
    assert not path.parent.exists(), [p.name for p in path.parent.iterdir()]


@pytest.mark.parametrize("arguments", [["start"], ["status"], ["head", "stop"], ["config", "check"]], ids=" ".join)
@pytest.mark.parametrize(
    ("text", "told"), [("head: {head_port: 99999}\n", "head.head_port"), ("head: [\n", ""), ("- a\n", "")]
)
def test_a_wrong_configuration_is_told_with_its_place(arguments: list[str], text: str, told: str, config: Path) -> None:
    config.write_text(text)
    result = call("--config", config, *arguments)
    check_told_as_text(result)
    assert told in result.output
    assert config.read_text() == text


@pytest.mark.parametrize("arguments", [["start"], ["status"], ["config", "init"], ["config", "check"]], ids=" ".join)
def test_a_file_in_the_way_of_the_configurations_directory_is_told(arguments: list[str], tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    check_told_as_text(call("--config", tmp_path / "file/config.yaml", *arguments))


@pytest.mark.parametrize("address", ["a b", "a:99999", "a:port", "::1:22", "a:22,a:22"])
def test_a_wrong_address_is_told(address: str, config: Path) -> None:
    result = call("--config", config, "scale", "add", address)
    check_told_as_text(result)
    assert address.partition(":")[2] in result.output
    assert config.read_text() == GOOD


def test_a_worker_that_is_not_configured_is_told_with_those_that_are(config: Path) -> None:
    result = call("--config", config, "worker", "start", "c")
    check_told_as_text(result)
    assert "no worker c in the configuration" in unwrapped(result)
    assert "the workers are: a, b" in unwrapped(result)


def test_an_error_is_not_broken_into_lines_where_no_terminal_is(config: Path) -> None:
    """So that a path or a command in it can be found and copied."""
    far = config.parent / ("a-directory-" * 8)
    result = call("--config", far / "config.yaml", "status")
    assert str(far / "config.yaml") in result.output


@pytest.mark.parametrize("arguments", OPERATIONS, ids=" ".join)
def test_an_operation_on_nodes_out_of_reach_ends_with_1_and_names_the_reason(
    arguments: list[str], unreachable: Path
) -> None:
    result = call("--config", unreachable, *arguments)
    check_told_as_text(result)
    assert "refused" in result.output


@pytest.mark.parametrize("arguments", OPERATIONS[:-1:3], ids=" ".join)
def test_the_json_of_an_operation_is_json(arguments: list[str], unreachable: Path) -> None:
    result = call("--json", "--config", unreachable, *arguments)
    assert result.exit_code == 1
    value = json.loads(result.stdout)
    assert value["success"] is False
    assert [node["success"] for node in value["nodes"]].count(False) >= 1 or value["error"]


@pytest.mark.parametrize(
    ("arguments", "seen"),
    [
        (["status"], lambda value: [value["head"]["state"], value["workers"][0]["state"]] == ["unreachable"] * 2),
        (["info"], lambda value: value["head_running"] is False and value["workers"] == ["127.0.0.2"]),
        (["head", "status"], lambda value: value[0]["state"] == "unreachable"),
        (["worker", "status"], lambda value: value[0]["name"] == "127.0.0.2"),
        (["worker", "list"], lambda value: value == ["127.0.0.2"]),
        (["config", "get", "ssh.retries"], lambda value: value == 0),
        (["config", "get", "head"], lambda value: value["host"] == "127.0.0.1"),
        (["journal"], lambda value: value == []),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_the_json_of_a_question_is_json(arguments: list[str], seen: object, unreachable: Path) -> None:
    result = call("--json", "--config", unreachable, *arguments)
    assert callable(seen)
    assert seen(json.loads(result.stdout)), result.stdout


@pytest.mark.parametrize("arguments", [["status"], ["head", "status"], ["worker", "status"]], ids=" ".join)
def test_a_cluster_that_does_not_run_is_no_success(arguments: list[str], unreachable: Path) -> None:
    result = call("--config", unreachable, *arguments)
    assert result.exit_code == 1
    assert "unreachable" in result.output


def test_a_table_is_whole_where_no_terminal_is(tmp_path: Path) -> None:
    """Also with names that are longer than 80 columns allow."""
    name = f"127.0.0.{'0' * 60}2"
    path = unreachable_cluster(tmp_path)
    path.write_text(path.read_text().replace("127.0.0.2", name))
    for command in (["status"], ["worker", "status"], ["worker", "stop"]):
        assert f"\n{name} " in call("--config", path, *command).output


def test_the_journal_is_shown(unreachable: Path) -> None:
    call("--config", unreachable, "stop")
    shown = call("--config", unreachable, "journal").output.splitlines()
    assert [line.split()[1] for line in shown] == ["begin", "result", "end"]
    assert "stop cluster  FAILED" in shown[1]
    assert len(call("--config", unreachable, "journal", "--last", "1").output.splitlines()) == 1


def test_the_configuration_is_made_checked_read_and_changed(tmp_path: Path) -> None:
    path = tmp_path / "new/config.yaml"
    assert call("--config", path, "config", "init").output == f"written: {path}\n"
    assert f"{path}: good" in call("--config", path, "config", "check").output
    assert call("--config", path, "config", "set", "head.head_port", "6400").exit_code == 0
    assert call("--config", path, "config", "get", "head.head_port").output.splitlines()[0] == "6400"
    again = call("--config", path, "config", "init")
    check_told_as_text(again)
    assert "is there already" in again.output


def test_one_value_is_changed_and_comments_stay(config: Path) -> None:
    assert call("--config", config, "config", "set", "head.head_port", "6400").exit_code == 0
    assert config.read_text() == GOOD.replace("6380", "6400")


@pytest.mark.parametrize("value", ["99999", "[", "{a: b", "!!python/object:os.system x"])
def test_a_wrong_value_is_refused_and_the_file_stays(value: str, config: Path) -> None:
    check_told_as_text(call("--config", config, "config", "set", "head.head_port", value))
    assert config.read_text() == GOOD


def test_plain_values_are_printed_plainly(config: Path) -> None:
    assert call("--config", config, "config", "get", "head.host").output == "127.0.0.1\n"
    assert call("--config", config, "config", "get", "head.head_port").output == "6380\n"
    assert call("--config", config, "worker", "list").output == "a\nb\n"


def test_the_path_may_come_from_the_environment(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAGE_CONFIG", str(config))
    assert call("worker", "list").output == "a\nb\n"


def test_an_action_that_scales_nothing_is_refused(config: Path) -> None:
    with pytest.raises(ValueError, match="'add' or 'remove'"):
        ClusterManager(ConfigManager(config)).scale_cluster("grow", "a")
