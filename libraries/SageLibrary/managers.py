"""The managers that the suites judge: sage_cluster's, or another implementation with the same calls."""

from __future__ import annotations

import importlib
import os
from pathlib import Path
from types import ModuleType
from typing import Any

from robot.libraries.BuiltIn import BuiltIn, RobotNotRunningError

from sage_cluster import ClusterManager, ConfigManager
from sage_cluster.operations.progress import Report

OWN = "sage_cluster"
CONFIG_CALLS = ("path", "get", "set", "get_workers_ssh_hosts", "add_worker_ssh_host", "remove_worker_ssh_host")
CLUSTER_CALLS = ("start_cluster", "stop_cluster", "restart_cluster", "scale_cluster", "status_cluster", "close")
PART_CALLS = {
    "head": ("start", "stop", "dashboard"),
    "workers": ("start_workers", "stop_workers", "restart_workers", "execute_remote_command", "simulate_failure"),
}


class ManagersError(AssertionError):
    """The managers that were named cannot be judged: their module or some of their calls are not there."""


def chosen() -> str:
    """The module that the Robot variable ``MANAGERS`` or the environment's ``SAGE_MANAGERS`` names; else our own."""
    try:
        named = BuiltIn().get_variable_value("${MANAGERS}")
    except RobotNotRunningError:
        named = None
    return str(named or os.environ.get("SAGE_MANAGERS") or OWN)


def config_manager(path: Path) -> ConfigManager:
    """The chosen ConfigManager for a file. Raises ManagersError that names what lacks."""
    manager: ConfigManager = _class("ConfigManager")(path)
    _demand(manager, "ConfigManager", CONFIG_CALLS)
    return manager


def cluster_manager(path: Path, report: Report) -> ClusterManager:
    """The chosen ClusterManager for a configuration file. Raises ManagersError that names what lacks.

    ``report`` is called with a node's name and its new state, as an operation goes on.
    """
    manager: ClusterManager = _class("ClusterManager")(config_manager(path), report=report)
    _demand(manager, "ClusterManager", (*CLUSTER_CALLS, *PART_CALLS))
    for part, calls in PART_CALLS.items():
        _demand(getattr(manager, part), f"ClusterManager.{part}", calls)
    return manager


def _class(name: str) -> Any:  # noqa: ANN401 - another implementation's class; what it lacks is told by name
    module = _module(chosen())
    if not hasattr(module, name):
        raise ManagersError(
            f"the module {module.__name__} has no class {name}; docs/other-managers.md says what it needs"
        )
    return getattr(module, name)


def _module(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ManagersError(f"the managers {name} cannot be imported: {error}; add --pythonpath DIRECTORY") from error


def _demand(manager: object, what: str, calls: tuple[str, ...]) -> None:
    lacking = [call for call in calls if not hasattr(manager, call)]
    if lacking:
        raise ManagersError(f"{chosen()}: its {what} has no {', '.join(lacking)}; see docs/other-managers.md")
