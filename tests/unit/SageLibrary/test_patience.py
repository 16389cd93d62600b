"""A slow lab makes the managers wait longer: by their own waits, whose names and lengths the lab does not know."""

from __future__ import annotations

from pathlib import Path

from sage_cluster import ConfigManager
from sage_cluster.config.schema import Config
from SageLibrary.patience import WAITS, be_patient

NOT_OF_THE_NODES = {"recovery.backoff", "recovery.backoff_limit", "recovery.stable_after"}
"""Pauses between repairs: slow nodes need no longer ones."""


def test_what_the_configuration_says_and_what_it_leaves_out_become_longer(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("head: {host: head}\nssh:\n  connect_timeout: 3 # near\n")
    usual = {key: ConfigManager(path).get(key) for key in WAITS}
    be_patient(path, 10)
    config = ConfigManager(path)
    assert {key: config.get(key) for key in WAITS} == {key: 10 * seconds for key, seconds in usual.items()}
    assert usual["ssh.connect_timeout"] == 3
    assert "# near" in path.read_text()


def test_every_wait_of_the_managers_for_a_node_is_known() -> None:
    sections = {name: getattr(Config(), name) for name in ("ssh", "cluster", "recovery")}
    waits = {
        f"{name}.{key}" for name, section in sections.items() for key, value in section if isinstance(value, float)
    }
    assert waits - NOT_OF_THE_NODES == set(WAITS)
