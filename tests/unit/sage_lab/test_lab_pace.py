"""How slow a lab is: measured once, kept in its directory, and told to the managers."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from sage_lab import Completed, Lab, Topology
from sage_lab.errors import NodeNotReadyError
from sage_lab.providers.registry import Choice

SAID: list[str] = []


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lab:
    made = Lab("t-pace", tmp_path, Choice.of(Topology.of(workers=1), "vagrant"))
    made.config_path.write_text("head: {host: head}\nssh: {user: sage, connect_timeout: 3}\n")
    made.ssh_config_path.write_text("Host *\n    ConnectTimeout 10\n    LogLevel ERROR\n")
    SAID.clear()
    return made


def let_it_say(lab: Lab, monkeypatch: pytest.MonkeyPatch, words: str, status: int = 0) -> None:
    monkeypatch.setattr(lab, "run", lambda *_, **__: Completed((), status, words, "no module named ray"))


def test_a_quick_node_has_pace_1_and_its_configuration_stays(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    before = lab.config_path.read_text()
    let_it_say(lab, monkeypatch, "pace 0.4\n")
    lab._keep_pace(SAID.append)
    assert lab.pace == 1
    assert lab.config_path.read_text() == before
    assert not SAID


def test_a_slow_node_makes_every_wait_of_the_managers_longer(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    let_it_say(lab, monkeypatch, "a warning\npace 10.04\n")
    lab._keep_pace(SAID.append)
    assert lab.pace == 10
    config = yaml.safe_load(lab.config_path.read_text())
    assert lab.ssh_config_path.read_text() == "Host *\n    ConnectTimeout 100\n    LogLevel ERROR\n"
    assert config["head"] == {"host": "head"}
    assert config["ssh"]["user"] == "sage"
    assert config["ssh"]["connect_timeout"] == 30, "'make lint' installs the entry points"


def test_a_lab_that_was_never_measured_has_pace_1(lab: Lab) -> None:
    assert lab.pace == 1


def test_a_node_that_cannot_import_ray_is_not_ready(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    let_it_say(lab, monkeypatch, "", 1)
    with pytest.raises(NodeNotReadyError, match="no module named ray"):
        lab._keep_pace(SAID.append)
