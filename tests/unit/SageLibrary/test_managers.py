"""Which managers the suites judge, and what is said when they lack something."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

import sage_cluster
from sage_cluster import ClusterManager, ConfigManager
from SageLibrary import managers
from SageLibrary.managers import CLUSTER_CALLS, CONFIG_CALLS, PART_CALLS, ManagersError, cluster_manager, config_manager

PAGE = Path(__file__).parents[3] / "docs" / "other-managers.md"


def report(node: str, state: str) -> None:
    """Nobody asks."""


@pytest.fixture
def other(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    module = ModuleType("other_managers")
    monkeypatch.setitem(sys.modules, "other_managers", module)
    monkeypatch.setenv("SAGE_MANAGERS", "other_managers")
    return module


def test_without_a_name_they_are_our_own(tmp_path: Path) -> None:
    assert isinstance(config_manager(tmp_path / "config.yaml"), ConfigManager)
    assert isinstance(cluster_manager(tmp_path / "config.yaml", report), ClusterManager)


def test_another_implementation_is_used(other: ModuleType, tmp_path: Path) -> None:
    class Mine(sage_cluster.ClusterManager):
        pass

    vars(other).update(ClusterManager=Mine, ConfigManager=sage_cluster.ConfigManager)
    assert isinstance(cluster_manager(tmp_path / "config.yaml", report), Mine)


def test_a_module_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SAGE_MANAGERS", "not_there")
    with pytest.raises(ManagersError, match=r"the managers not_there cannot be imported: .*--pythonpath"):
        config_manager(tmp_path / "config.yaml")


def test_a_class_that_is_not_there_is_named(other: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(ManagersError, match="the module other_managers has no class ConfigManager"):
        config_manager(tmp_path / "config.yaml")


def test_all_calls_that_are_not_there_are_named(other: ModuleType, tmp_path: Path) -> None:
    def made(*_: Any, **__: Any) -> SimpleNamespace:
        parts = {part: SimpleNamespace(**dict.fromkeys(calls)) for part, calls in PART_CALLS.items()}
        del parts["workers"].simulate_failure
        return SimpleNamespace(**dict.fromkeys(CLUSTER_CALLS), **parts)

    vars(other).update(ClusterManager=made, ConfigManager=sage_cluster.ConfigManager)
    with pytest.raises(ManagersError, match=r"other_managers: its ClusterManager\.workers has no simulate_failure"):
        cluster_manager(tmp_path / "config.yaml", report)
    vars(other).update(ConfigManager=lambda _: SimpleNamespace(path=None, get=None))
    with pytest.raises(ManagersError, match="its ConfigManager has no set, get_workers_ssh_hosts, add_worker_ssh_host"):
        config_manager(tmp_path / "config.yaml")


def test_the_page_names_every_call() -> None:
    page = PAGE.read_text(encoding="utf-8")
    calls = [*CONFIG_CALLS, *CLUSTER_CALLS, *(f"{part}.{call}" for part, calls in PART_CALLS.items() for call in calls)]
    assert not [call for call in calls if f"`{call}" not in page]
    assert managers.OWN in page
