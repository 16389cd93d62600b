"""Who is wanted: nothing is lost by writers at once, and a torn file never keeps a cluster from being stopped."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sage_cluster import ConfigManager
from sage_cluster.operations.membership import Membership

CONFIG = "head: {host: h}\nworkers_ssh_hosts: a,b\nmonitor: {refresh_interval: 5}\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    config = tmp_path / "config.yaml"
    config.write_text(CONFIG)
    return config


def test_writers_at_once_lose_nothing(path: Path) -> None:
    names = [f"node-{number}" for number in range(60)]
    with ThreadPoolExecutor(max_workers=8) as pool:
        list(pool.map(lambda name: Membership(path).want([name]), names))
        list(pool.map(lambda name: Membership(path).unwant([name]), names[::2]))
    assert Membership(path).wanted() == set(names[1::2])


def test_the_configuration_and_who_is_wanted_do_not_meet(path: Path) -> None:
    """Both were written by way of one file, and one of them could end in the place of the other."""
    config = ConfigManager(path)
    with ThreadPoolExecutor(max_workers=1) as one, ThreadPoolExecutor(max_workers=1) as other:
        wanting = one.map(lambda n: Membership(path).want([f"node-{n}"]), range(100))
        setting = other.map(lambda n: config.set("monitor.refresh_interval", n + 1), range(100))
        list(wanting), list(setting)
    assert path.read_text() == CONFIG.replace("refresh_interval: 5", "refresh_interval: 100")
    assert len(Membership(path).wanted()) == 100
    assert [one.name for one in path.parent.iterdir() if one.name.endswith(".new")] == []


@pytest.mark.parametrize("text", ["", "{", "12", "null", '{"a": 1}', '{"a": ["x", "y"]}', "[[1]]", "[1]", "\x00" * 40])
def test_a_torn_file_is_named_and_put_aside(path: Path, text: str, caplog: pytest.LogCaptureFixture) -> None:
    torn = path.with_name(".config.yaml.wanted")
    torn.write_text(text)
    with caplog.at_level(logging.WARNING):
        assert Membership(path).wanted() == frozenset()
    assert str(torn) in caplog.text
    assert torn.with_name(".config.yaml.wanted.unreadable").read_text() == text
    Membership(path).want(["a"])
    assert Membership(path).wanted() == {"a"}


def test_the_form_without_starts_is_still_read(path: Path) -> None:
    path.with_name(".config.yaml.wanted").write_text('["a", "b"]')
    Membership(path).unwant(["b"])
    assert Membership(path).wanted() == {"a"}
