"""Whatever stands in a file or on the command line: an error with place and fix, no traceback, and no file lost."""

from __future__ import annotations

import time
import warnings
from pathlib import Path

import pytest
from click.testing import Result
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sage_cluster.config.document import parse_value
from sage_cluster.config_manager import ConfigManager
from sage_cluster.errors import ConfigError
from tests.support.cluster_command import call
from tests.support.hostile_yaml import UNREADABLE, documents

GOOD = "head:\n  host: 127.0.0.1 # mine\nssh: {retries: 0, connect_timeout: 0.2}\n"
KEYS = ["head", "worker", "ssh", "remote", "workers_ssh_hosts", "head:\n  host", "worker:\n  ray_args", "output"]
QUICK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def check_error_has_place_and_fix(error: ConfigError) -> None:
    assert error.where
    assert error.fix


@pytest.mark.parametrize("value", UNREADABLE, ids=lambda value: value[:20])
@pytest.mark.parametrize("before", ["a: 1\nmine: ", "head:\n  host: "], ids=["unknown key", "known key"])
def test_a_value_that_cannot_be_read_is_told_with_its_line(tmp_path: Path, before: str, value: str) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(before + value, encoding="utf-8")
    began = time.process_time()
    with pytest.raises(ConfigError) as caught:
        ConfigManager(file).load()
    assert time.process_time() - began < 5.0
    assert str(caught.value).startswith(f"{file}:2: ")
    assert caught.value.fix


@pytest.mark.parametrize("value", UNREADABLE, ids=lambda value: value[:20])
def test_a_value_on_the_command_line_is_read_as_carefully(tmp_path: Path, value: str) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(GOOD)
    check_told(call("--config", file, "config", "set", "mine.key", value))
    assert file.read_text() == GOOD
    with pytest.raises(ConfigError) as caught:
        parse_value("mine.key", value)
    assert caught.value.where.startswith("mine.key:1")


@QUICK
@given(content=documents(KEYS))
def test_any_file_is_read_or_refused_and_stays_as_it_is(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "config.yaml"
    file.write_bytes(content)
    manager = ConfigManager(file)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            manager.load()
        except ConfigError as error:
            check_error_has_place_and_fix(error)
            assert file.read_bytes() == content
            return
        before = manager.load_config()
        try:
            manager.set("cluster.stop_timeout", 7.5)
        except ConfigError as error:
            check_error_has_place_and_fix(error)
            assert file.read_bytes() == content
        else:
            after = manager.load_config()
            assert after.pop("cluster")["stop_timeout"] == 7.5
            before.pop("cluster", None)
            assert repr(after) == repr(before)  # by their texts, as nan is not itself


WORDS = st.sampled_from(
    [
        *(
            "config",
            "check",
            "get",
            "set",
            "init",
            "worker",
            "head",
            "list",
            "logs",
            "journal",
            "scale",
            "add",
            "remove",
        ),
        *(
            "deploy",
            "--project",
            "--dry-run",
            "--rollback",
            "--last",
            "--lines",
            "--log",
            "--wait",
            "--json",
            "--force",
        ),
        *("head.host", "head.head_port", "ssh.workers.0", "a..b", ".", "", " ", "-1", "0", "1e999", "nan", "inf"),
        *("a:22", "[::1]:22", "::1", "a:99999", "../..", "/", "/dev/null", "~", "x" * 300, "!!bool maybe", "\udcff"),
    ]
)
NO_NODE = [
    ["config"],
    ["worker", "list"],
    ["journal"],
    ["config", "set"],
    ["config", "get"],
    ["scale", "add"],
    ["deploy"],
]


@QUICK
@given(start=st.sampled_from(NO_NODE), options=st.lists(WORDS, max_size=2), words=st.lists(WORDS, max_size=3))
def test_any_command_line_ends_without_a_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, start: list[str], options: list[str], words: list[str]
) -> None:
    def no_node(*_: object, **__: object) -> None:
        raise ConfigError("a node would be asked", where="here", fix="none is needed")

    monkeypatch.setattr("sage_cluster.ssh.pool.SshPool.run", no_node)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    file = tmp_path / "config.yaml"
    file.write_text(GOOD)
    result = call("--config", file, *options, *start, *words)
    check_no_traceback(result)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert ConfigManager(file).load().head.host
    assert "# mine" in file.read_text()


@pytest.mark.parametrize("wait", ["nan", "inf", "-inf", "1e999", "-1", "-0.5", "soon", ""])
@pytest.mark.parametrize("command", [["start"], ["status"], ["worker", "list"]], ids=" ".join)
def test_a_wait_that_is_no_time_is_refused(tmp_path: Path, wait: str, command: list[str]) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(GOOD)
    result = call("--config", file, f"--wait={wait}", *command)
    assert result.exit_code == 2
    assert "is not a number of seconds from 0" in result.output


@pytest.mark.parametrize("path", ["x" * 300, "a/" * 3000])
@pytest.mark.parametrize("command", [["status"], ["config", "check"], ["config", "init"]], ids=" ".join)
def test_a_path_that_cannot_be_is_told(path: str, command: list[str]) -> None:
    check_told(call("--config", path, *command))


@pytest.mark.parametrize("path", ["x" * 300, "a/" * 3000])
def test_a_journal_that_cannot_be_read_is_empty_with_a_warning(path: str, caplog: pytest.LogCaptureFixture) -> None:
    result = call("--config", path, "journal")
    check_no_traceback(result)
    assert "the journal cannot be read: File name too long" in caplog.text


def check_told(result: Result) -> None:
    check_no_traceback(result)
    assert result.exit_code == 1
    assert "\n  -> " in result.output


def check_no_traceback(result: Result) -> None:
    assert result.exception is None or isinstance(result.exception, SystemExit), repr(result.exception)
    assert result.exit_code in {0, 1, 2}
    assert "Traceback" not in result.output
