"""`ray up` and `ray down`, Ray's own launcher with its on-premise provider, beside the manager on the same nodes."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from benchmarks.cpu import await_quiet
from benchmarks.errors import BenchmarkError
from benchmarks.lab import measured_lab, say
from benchmarks.ray_cluster import await_alive, need_clean
from benchmarks.samples import Sample, in_turn, measure
from benchmarks.start import MANAGER, Starts
from sage_cluster import ClusterManager, ConfigManager
from sage_lab import Lab

RAY_UP = "ray up"
COMMAND_SECONDS = 300.0


def measure_ray_up(name: str, workers: int, repeat: int) -> dict[str, Any]:
    """Start until Ray calls all nodes ALIVE, and stop, ``repeat`` times by each; a way is such as "ray up start"."""
    samples: list[Sample] = []
    error = ""
    with measured_lab(name, workers) as lab, tempfile.TemporaryDirectory() as directory:
        starts = Starts(lab)
        launcher = Launcher(lab, Path(directory))
        ways: dict[str, tuple[Callable[[], dict[str, Any]], Callable[[], dict[str, Any]]]] = {
            MANAGER: (lambda: _start(lab), lambda: _stop(lab)),
            RAY_UP: (launcher.up, launcher.down),
        }
        try:
            starts.warm_up()
            for number in range(repeat):
                for way in in_turn(list(ways), number):
                    await_quiet(lab.name)
                    for what, work in zip(("start", "stop"), ways[way], strict=True):
                        samples.append(measure(f"{way} {what}", number, work, lab.name, children=True))
                        said = samples[-1].error or f"{samples[-1].seconds:.2f} s"
                        say(f"ray up, {workers} workers, round {number + 1}, {samples[-1].way}: {said}")
                    starts.stop()  # what a stop left behind is in its details, and in nobody's way
        except BenchmarkError as problem:
            error = str(problem)
    return {"workers": workers, "samples": [sample.to_dict() for sample in samples], "error": error}


class Launcher:
    """Ray's launcher with a configuration for the nodes of a lab: the same `ray start` as the manager's."""

    def __init__(self, lab: Lab, directory: Path) -> None:
        self._lab = lab
        self._config = ConfigManager(lab.config_path).load()
        self._file = directory / "cluster.yaml"
        self._file.write_text(yaml.safe_dump(self._configuration()), encoding="utf-8")
        self._environ = {**os.environ, "HOME": str(directory), "RAY_USAGE_STATS_ENABLED": "0", "LC_ALL": "C.UTF-8"}
        # Ray 2.60's second autoscaler counts the head as a worker of this provider, and never starts the last one.
        self._environ["RAY_UP_enable_autoscaler_v2"] = "0"

    def up(self) -> dict[str, Any]:
        """`ray up`, which returns when the head runs; then until its autoscaler has started the workers."""
        began = time.monotonic()
        self._run("up", "--yes", "--no-config-cache", "--disable-usage-stats")
        returned = time.monotonic() - began
        await_alive(self._lab, self._config, COMMAND_SECONDS)
        return {"returned": returned}

    def down(self) -> dict[str, Any]:
        """`ray down`; whether it left anything on a node is in the details."""
        self._run("down", "--yes")
        try:
            need_clean(self._lab, self._config)
        except BenchmarkError as left:
            return {"left": str(left)[:500]}
        return {}

    def _run(self, *words: str) -> None:
        program = str(Path(sys.prefix) / "bin" / "ray")
        argv = [program, *words, str(self._file)]
        done = subprocess.run(
            argv, env=self._environ, capture_output=True, text=True, timeout=COMMAND_SECONDS, check=False
        )
        if done.returncode:
            raise BenchmarkError((done.stdout + done.stderr)[-1500:], where=f"ray {words[0]}", fix="run it by hand")

    def _configuration(self) -> dict[str, Any]:
        head, settings = self._config.head, self._config.worker
        ray = self._config.remote.ray_command or str(Path(sys.prefix) / "bin" / "ray")
        both = f"--temp-dir={head.temp_dir} --node-name=$(hostname) --disable-usage-stats"
        ports = f"--port={head.head_port} --dashboard-port={head.dashboard_port} --dashboard-host={head.dashboard_host}"
        address = {node.name: node.cluster_address for node in self._lab.nodes}
        return {
            "cluster_name": "bench",
            "provider": {
                "type": "local",
                "head_ip": address.pop("head"),
                "worker_ips": list(address.values()),
            },
            "min_workers": len(address),
            "max_workers": len(address),
            "auth": {"ssh_user": self._config.ssh.user, "ssh_private_key": self._config.ssh.key_path},
            "head_start_ray_commands": [
                f"{ray} start --head {ports} --autoscaling-config=~/ray_bootstrap_config.yaml {both} "
                f"{_limits(head.num_cpus, head.object_store_memory)}"
            ],
            "worker_start_ray_commands": [
                f"{ray} start --address=$RAY_HEAD_IP:{head.head_port} {both} "
                f"{_limits(settings.num_cpus, settings.object_store_memory)}"
            ],
        }


def _limits(cpus: float | None, memory: int | None) -> str:
    return " ".join(
        f"--{name}={value}" for name, value in (("num-cpus", cpus), ("object-store-memory", memory)) if value
    )


def _start(lab: Lab) -> dict[str, Any]:
    manager = ClusterManager(ConfigManager(lab.config_path), report=lambda _node, _phase: None)
    result = manager.start_cluster()
    manager.close()
    if not result.success:
        raise BenchmarkError(result.message, where=MANAGER, fix="see the logs of that node")
    return {}


def _stop(lab: Lab) -> dict[str, Any]:
    manager = ClusterManager(ConfigManager(lab.config_path), report=lambda _node, _phase: None)
    result = manager.stop_cluster()
    manager.close()
    if not result.success:
        raise BenchmarkError(result.message, where=MANAGER, fix="see the message")
    need_clean(lab, ConfigManager(lab.config_path).load())
    return {}
