"""Reading, defaults, single values, whole saves, the default file."""

import getpass
import stat
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from sage_cluster.config.document import parse
from sage_cluster.config.edit import edit
from sage_cluster.config_manager import ConfigManager
from sage_cluster.errors import ConfigError

TEXT = """\
# top
head:
  host: "h"     # the head
  head_port:    6379
  unknown_to_us: [1,  2]

ssh: {user: me, key_path: ~/.ssh/id}   # flow
workers_ssh_hosts: a,b:23
"""


@pytest.fixture(name="manager")
def _manager(tmp_path: Path) -> ConfigManager:
    (tmp_path / "config.yaml").write_text(TEXT)
    return ConfigManager(tmp_path / "config.yaml")


pytestmark = pytest.mark.filterwarnings("ignore::sage_cluster.config.check.ConfigWarning")


def test_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SAGE_CONFIG", raising=False)
    assert ConfigManager().path == tmp_path / ".sage" / "config.yaml"
    monkeypatch.setenv("SAGE_CONFIG", "~/other.yaml")
    assert ConfigManager().path == tmp_path / "other.yaml"
    assert ConfigManager("mine.yaml").path == tmp_path / "mine.yaml"
    assert list(tmp_path.iterdir()) == []


def test_sections_with_defaults(manager: ConfigManager) -> None:
    assert manager.load_config() == yaml.safe_load(TEXT)
    head = manager.get_head_config()
    assert (head["host"], head["dashboard_port"], head["unknown_to_us"]) == ("h", 8265, [1, 2])
    assert manager.get_worker_config()["temp_dir"] == "/tmp/ray_worker"
    assert manager.get_ssh_config()["key_path"] == str(Path("~/.ssh/id").expanduser())
    assert manager.get_remote_config() == dict.fromkeys(("sage_home", "python_path", "ray_command", "conda_env"))
    assert manager.get_workers_ssh_hosts() == [("a", 22), ("b", 23)]
    assert manager.model.cluster.start_concurrency == 8


def test_empty_file_means_defaults(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("# nothing yet\n")
    assert ConfigManager(file).get_ssh_config()["user"] == getpass.getuser()


def test_get(manager: ConfigManager) -> None:
    assert manager.get("head.host") == "h"
    assert manager.get("cluster.stop_timeout") == 20.0
    assert manager.get("head.unknown_to_us.1") == 2
    assert manager.get("head.nothing", "mine") == "mine"
    with pytest.raises(ConfigError, match="with dots between"):
        manager.get("head..host")


@pytest.mark.parametrize(
    ("key", "value", "old", "new"),
    [
        ("head.head_port", 6380, "   6379", "   6380"),
        ("head.host", "x", '"h" ', '"x" '),
        ("head.dashboard", False, "[1,  2]\n", "[1,  2]\n  dashboard: false\n"),
        ("head.unknown_to_us.0", 7, "[1,", "[7,"),
        ("head.ray_args", ["--a=1,2"], "[1,  2]\n", "[1,  2]\n  ray_args:\n  - --a=1,2\n"),
        ("ssh.user", "you", "user: me", "user: you"),
        ("ssh.note", "a, b", "id}", "id, note: 'a, b'}"),
        ("remote.conda_env", "sage", "b:23\n", "b:23\nremote:\n  conda_env: sage\n"),
        ("workers_ssh_hosts", [], "a,b:23", "[]"),
    ],
)
def test_set_changes_nothing_else(manager: ConfigManager, key: str, value: object, old: str, new: str) -> None:
    assert TEXT.count(old) == 1
    manager.set(key, value)
    assert manager.path.read_text() == TEXT.replace(old, new)
    assert manager.get(key) == value


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("head.head_port", 0, "head.head_port is 0, expected a port from 1 to 65535"),
        ("head.host.name", "x", "head.host.name cannot be set: 'name' lies in 'h', expected a mapping"),
        ("head.unknown_to_us.2", 1, "expected a mapping or a longer list"),
        ("head.x", object(), "is a object, expected text"),
    ],
)
def test_a_refused_set_leaves_the_file(manager: ConfigManager, key: str, value: object, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        manager.set(key, value)
    assert str(manager.path) in str(caught.value)
    assert manager.path.read_text() == TEXT


def test_set_repairs_a_wrong_value(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("head:\n  head_port: 0\n")
    ConfigManager(file).set("head.head_port", 6379)
    assert ConfigManager(file).get("head.head_port") == 6379


def test_a_value_behind_an_alias_is_refused(tmp_path: Path) -> None:
    text = "zoo: &p {x: 1, y: 2}\nmine: *p\n"
    file = tmp_path / "config.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError, match="alias"):
        ConfigManager(file).set("mine.x", 5)
    assert file.read_text() == text


def test_merge_keys_are_read_and_survive(tmp_path: Path) -> None:
    text = "zoo: &p {temp_dir: /tmp/ray_x}\nworker:\n  <<: *p\n  num_cpus: 1\n"
    file = tmp_path / "config.yaml"
    file.write_text(text)
    manager = ConfigManager(file)
    assert manager.model.worker.temp_dir == "/tmp/ray_x"
    manager.set("worker.num_cpus", 2)
    assert file.read_text() == text.replace("num_cpus: 1", "num_cpus: 2")


def test_a_change_from_outside_is_seen(manager: ConfigManager) -> None:
    assert manager.get("head.host") == "h"
    manager.path.write_text("head: {host: from-outside}\n")
    assert manager.get("head.host") == "from-outside"


def test_save_config_keeps_comments(manager: ConfigManager) -> None:
    config = manager.load_config()
    config["head"]["head_port"] = 1
    del config["head"]["unknown_to_us"]
    del config["ssh"]["user"]
    config["remote"] = {"conda_env": None}
    manager.save_config(config)
    assert manager.load_config() == config
    wanted = TEXT.replace("6379", "1").replace("  unknown_to_us: [1,  2]\n", "").replace("user: me, ", "")
    assert manager.path.read_text() == wanted + "remote:\n  conda_env: null\n"


def test_save_config_makes_a_missing_file(tmp_path: Path) -> None:
    manager = ConfigManager(tmp_path / "new" / "config.yaml")
    manager.save_config({"head": {"host": "h"}})
    assert manager.path.read_text() == "head:\n  host: h\n"
    assert stat.S_IMODE(manager.path.stat().st_mode) == 0o600


def test_default_file(tmp_path: Path) -> None:
    manager = ConfigManager(tmp_path / "new" / "config.yaml")
    assert manager.create_default_config() == manager.path
    assert stat.S_IMODE(manager.path.stat().st_mode) == 0o600
    before = manager.path.read_bytes()
    built_in = ConfigManager(tmp_path / "empty.yaml")
    built_in.path.touch()
    assert manager.get_head_config() == built_in.get_head_config()
    assert manager.get_ssh_config() == built_in.get_ssh_config()
    with pytest.raises(ConfigError, match="is there already"):
        manager.create_default_config()
    assert manager.add_worker_ssh_host("w")
    assert manager.remove_worker_ssh_host("w")
    assert manager.path.read_bytes() == before


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 99) | st.text("ab,:#'\" [é\n", max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abcd"), inner, max_size=3),
    max_leaves=8,
)
DATA = st.dictionaries(st.sampled_from("abcd"), VALUES, min_size=1, max_size=3)


@example(old={"b": [1]}, new={"b": [1, 2, 3], "a": None}, flow=False)
@given(old=DATA, new=DATA, flow=st.sampled_from([True, False, None]))
def test_any_change_of_any_values(old: dict[str, Any], new: dict[str, Any], flow: bool | None) -> None:
    path = Path("generated.yaml")
    document = parse(path, yaml.safe_dump(old, default_flow_style=flow, allow_unicode=True))
    changed = edit(document.text, document.root, document.data, new)
    assert parse(path, changed).data == new
