"""What is wrong with a file is said in one error: file, line, key, value, expectation."""

import os
import time
import warnings
from pathlib import Path

import pytest

from sage_cluster.config.check import ConfigWarning
from sage_cluster.config.file import MAX_BYTES
from sage_cluster.config_manager import ConfigManager
from sage_cluster.errors import ConfigError, ConfigNotFoundError

PORT = "a port from 1 to 65535"
BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join(['*' + before] * 10)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


def problem_of(file: Path, content: str | bytes) -> str:
    raw = content if isinstance(content, bytes) else content.encode()
    file.write_bytes(raw)
    with pytest.raises(ConfigError) as caught:
        ConfigManager(file).load()
    with pytest.raises(ConfigError):
        ConfigManager(file).add_worker_ssh_host("new")
    assert file.read_bytes() == raw
    assert caught.value.fix
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "line", "key", "value", "expected"),
    [
        ("head:\n  head_port: 70000\n", 2, "head.head_port", "70000", PORT),
        ("head:\n  head_port: '6379'\n", 2, "head.head_port", "'6379'", PORT),
        ("head:\n  ssh_port: true\n", 2, "head.ssh_port", "True", PORT),
        ("head:\n  dashboard: 'yes'\n", 2, "head.dashboard", "'yes'", "true or false"),
        ("head:\n  host: -x\n", 2, "head.host", "'-x'", "a host name"),
        ("head:\n  temp_dir: /usr\n", 2, "head.temp_dir", "'/usr'", "an absolute path"),
        ("head:\n  temp_dir: //home//\n", 2, "head.temp_dir", "'//home//'", "an absolute path"),
        ("head:\n  temp_dir: /tmp/x/../..\n", 2, "head.temp_dir", "'/tmp/x/../..'", "an absolute path"),
        ("worker:\n  temp_dir: ray\n", 2, "worker.temp_dir", "'ray'", "an absolute path"),
        ("worker:\n  num_cpus: 1.5\n", 2, "worker.num_cpus", "1.5", "a whole number of CPUs"),
        ("worker:\n  ray_args: --x\n", 2, "worker.ray_args", "'--x'", "a list of texts"),
        ("worker:\n  ray_args:\n  - 5\n", 3, "worker.ray_args[0]", "5", "text"),
        ("ssh:\n  connect_timeout: .inf\n", 2, "ssh.connect_timeout", "inf", "a number of seconds above 0"),
        ("ssh:\n  host_keys: no\n", 2, "ssh.host_keys", "False", "strict or accept-new"),
        ("ssh:\n  user: a b\n", 2, "ssh.user", "'a b'", "a user's login name"),
        ("ssh: 5\n", 1, "ssh", "5", "a mapping of keys and values"),
        ("ssh:\n  workers: {a: 1}\n", 2, "ssh.workers", "{'a': 1}", "a list of {host, port}"),
        ("workers_ssh_hosts: 5\n", 1, "workers_ssh_hosts", "5", "a list of {host, port}"),
        ("workers_ssh_hosts:\n- host: a\n- host: b\n  port: 0\n", 4, "workers_ssh_hosts[1].port", "0", PORT),
        ("workers_ssh_hosts:\n- a:22\n", 2, "workers_ssh_hosts[0]", "'a:22'", "a mapping with host and port"),
        ("workers_ssh_hosts:\n- port: 9\n", 2, "workers_ssh_hosts[0].host is missing in", "{'port': 9}", "a host name"),
        ("workers_ssh_hosts: a:22,b:x\n", 1, "workers_ssh_hosts[1].port", "'x'", PORT),
        ("workers_ssh_hosts: a,::1:22\n", 1, "workers_ssh_hosts", "'a,::1:22'", "an IPv6 address in brackets"),
        ("workers_ssh_hosts: a,b,a:22\n", 1, "workers_ssh_hosts", "'a,b,a:22'", "each worker once, but a:22"),
    ],
)
def test_a_wrong_value(tmp_path: Path, text: str, line: int, key: str, value: str, expected: str) -> None:
    file = tmp_path / "config.yaml"
    said = key if key.endswith(" in") else f"{key} is"
    assert f"{file}:{line}: {said} {value}, expected {expected}" in problem_of(file, text)


def test_all_problems_at_once(tmp_path: Path) -> None:
    message = problem_of(tmp_path / "config.yaml", "head:\n  head_port: 0\nworker:\n  temp_dir: /\n")
    assert "config.yaml:2: head.head_port is 0" in message
    assert "config.yaml:4: worker.temp_dir is '/'" in message


@pytest.mark.parametrize(
    ("content", "line", "what"),
    [
        ("a: [1\nb: 2\n", 2, "is not valid YAML"),
        ("- a\n", 1, "!!seq at the top level; expected sections"),
        ("text\n", 1, "!!str at the top level"),
        ("a: 1\n---\nb: 2\n", 2, "single document"),
        ("a: 1\nhead: {}\na: 2\n", 3, "the key 'a' twice, first in line 1; expected it once"),
        ("b: !!python/object/apply:os.system ['true']\n", 1, "the tag !!python/object/apply:os.system"),
        ("b: !mine 1\n", 1, "the tag !mine; expected plain values"),
        ("b: !!binary aGk=\n", 1, "the tag !!binary"),
        ("a: &a\n  - *a\n", 1, "alias inside the value"),
        ("? [x]\n: 1\n", 1, "!!seq as a key"),
        ("a: 2024-99-99\n", 1, "cannot be read"),
        (BOMB, 1, "more than 100000 nodes once its aliases are expanded"),
        ("a: " + "[" * 100_000, 1, "more than 50 levels"),
        ("a0: &a0 [x]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}]\n" for i in range(1, 300)), 1, "50 levels once"),
        ("a: \x07\n", 1, "a character that YAML forbids"),
        (b"a: 1\nb: \xff\n", 2, "0xff, expected UTF-8"),
    ],
)
def test_unsafe_or_broken_yaml_is_refused_quickly(tmp_path: Path, content: str | bytes, line: int, what: str) -> None:
    file = tmp_path / "config.yaml"
    start = time.process_time()
    message = problem_of(file, content)
    # Generous, as coverage and a busy machine cost CPU time too; without the limits a bomb takes hours.
    assert time.process_time() - start < 5.0
    assert f"{file}:{line}: " in message
    assert what in message


def test_a_huge_file_is_refused(tmp_path: Path) -> None:
    assert f"larger than {MAX_BYTES} bytes" in problem_of(tmp_path / "config.yaml", b"#" * (MAX_BYTES + 1))


def test_a_missing_file(tmp_path: Path) -> None:
    manager = ConfigManager(tmp_path / "none" / "config.yaml")
    for method in (manager.load_config, manager.get_head_config, lambda: manager.set("head.host", "x")):
        with pytest.raises(FileNotFoundError) as caught:
            method()
        assert isinstance(caught.value, ConfigNotFoundError)
        assert str(manager.path) in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_an_empty_path_is_not_the_default_file() -> None:
    with pytest.raises(ConfigError, match="is empty"):
        ConfigManager("")


def test_what_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is a directory"):
        ConfigManager(tmp_path).load()
    with pytest.raises(ConfigError, match="is a directory"):
        ConfigManager(tmp_path).save_config({})
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ConfigError, match="no regular file"):
        ConfigManager(tmp_path / "pipe").load()
    (tmp_path / "loop").symlink_to("loop")
    for method in (ConfigManager(tmp_path / "loop").load, lambda: ConfigManager(tmp_path / "loop").save_config({})):
        with pytest.raises(ConfigError, match=r"loop: cannot be .*levels of symbolic links|Symlink loop"):
            method()


def test_an_unknown_key_is_kept_and_warned_about_once(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("head:\n  haed_port: 1\nmine: {x: 1}\nworkers_ssh_hosts: [{host: a, prot: 22}]\n")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        data = ConfigManager(file).load_config()
        ConfigManager(file).set("head.host", "x")
    assert data["head"] == {"haed_port": 1}
    assert [warning.category for warning in caught] == [ConfigWarning] * 3
    texts = [str(warning.message) for warning in caught]
    assert f"{file}:2: head.haed_port is not a known key" in texts[0]
    assert texts[0].endswith("did you mean head.head_port?")
    assert "mine" in texts[1]
    assert texts[2].endswith("did you mean workers_ssh_hosts[0].port?")
    assert ConfigManager(file).load_config()["mine"] == {"x": 1}
