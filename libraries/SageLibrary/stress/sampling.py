"""What must not grow, measured: the controller's processes, and all nodes together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor

import psutil

from sage_cluster.nodes.spec import KEPT_LOGS
from sage_lab import Lab
from SageLibrary.stress.growth import MIB, Allowance

CONTROLLER = {
    "threads": Allowance(2.0),
    "file descriptors": Allowance(2.0),
    "connections": Allowance(2.0),
    "memory, MiB": Allowance(8.0, 0.1),
}
NODES = {
    "processes on the nodes": Allowance(2.0, 0.05),
    "files on the nodes": Allowance(5.0, 0.05),
    "past sessions with logs beyond those that are kept": Allowance(0.0),
}
"""The logs of a node's newest past sessions are kept: until there are so many, their number rises by right."""
LOOK_SECONDS = 30.0
LOOK = """
ls -d /proc/[0-9]* | wc -l
find /tmp /var/tmp /dev/shm /run /home /var/lib -xdev -type f -not -path '*/logs/*' 2>/dev/null | wc -l
"""
LOOK_AT_LOGS = "find {log_dir} -mindepth 1 -maxdepth 1 -name 'session_*' 2>/dev/null | wc -l"
"""Asked as the cluster's user, in whose home directory ``~`` may lie."""


def allowances(processes: Iterable[str]) -> dict[str, Allowance]:
    """What may rise how much, for the controller's processes of these names."""
    return {f"{what} of the {name}": most for name in processes for what, most in CONTROLLER.items()} | NODES


def sample(lab: Lab, processes: Mapping[str, psutil.Process], log_dir: str) -> dict[str, float]:
    """One value for each allowance. ``processes`` by their names, ``log_dir`` is where nodes keep the logs of the past.

    Raises LabError; AssertionError when a process is gone.
    """
    found: dict[str, float] = {}
    for name, process in processes.items():
        try:
            values = _of_process(process)
        except psutil.NoSuchProcess as error:
            raise AssertionError(f"the {name}, process {process.pid}, was gone, should run on") from error
        found |= {f"{what} of the {name}": float(value) for what, value in zip(CONTROLLER, values, strict=True)}
    names = [node.name for node in lab.nodes]
    with ThreadPoolExecutor(max_workers=len(names)) as threads:
        looks = list(threads.map(lambda name: _look(lab, name, log_dir), names))
    return found | dict(zip(NODES, map(sum, zip(*looks, strict=True)), strict=True))


def _of_process(process: psutil.Process) -> tuple[float, ...]:
    with process.oneshot():
        return (
            process.num_threads(),
            process.num_fds(),
            len(process.net_connections()),
            process.memory_info().rss / MIB,
        )


def _look(lab: Lab, node: str, log_dir: str) -> list[float]:
    done = lab.run(node, ["sh", "-c", LOOK], timeout=LOOK_SECONDS)
    past = lab.run(node, ["sh", "-c", LOOK_AT_LOGS.format(log_dir=log_dir)], user="sage", timeout=LOOK_SECONDS)
    return [*map(float, done.stdout.split()), max(0.0, float(past.stdout) - KEPT_LOGS)]
