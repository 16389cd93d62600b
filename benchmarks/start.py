"""Starting a cluster: by the manager, by the same `ray start` commands without one, and as SAGE does today."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from benchmarks.cpu import await_quiet
from benchmarks.errors import BenchmarkError
from benchmarks.lab import measured_lab, say
from benchmarks.ray_cluster import await_alive, last_registration, need_clean
from benchmarks.samples import Sample, calm_rounds, in_turn, measure
from sage_cluster import ClusterManager, ConfigManager
from sage_cluster.nodes.spec import RayNode, head_node, worker_nodes
from sage_cluster.on_node.environment import RayEnvironment
from sage_cluster.on_node.sessions import COOKIE
from sage_cluster.on_node.start import ray_start_command
from sage_lab import Lab

MANAGER, FLOOR, TODAY = "manager", "floor", "today"
SLEEP_OF_TODAY = 10.0
MOST_ROUNDS = 2


class Starts:
    """The ways to start the cluster of a lab that this process is in; each returns what it saw, for the details."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self.config = ConfigManager(lab.config_path).load()
        self._head = head_node(self.config)
        self._workers = worker_nodes(self.config)
        self.ways: dict[str, Callable[[], dict[str, Any]]] = {
            MANAGER: self._by_manager,
            FLOOR: self._by_hand,
            TODAY: self._as_today,
        }

    def run(self, way: str, number: int) -> Sample:
        """Start once in this way, prove that all nodes are ALIVE, and stop. Raises BenchmarkError when that fails."""
        await_quiet(self._lab.name)
        wall = time.time()
        sample = measure(way, number, self.ways[way], self._lab.name)
        if not sample.error:
            # Ray's own record of when the last node joined; seconds after the begin, for all ways alike.
            sample.details["last_registered"] = last_registration(await_alive(self._lab, self.config)) - wall
        self.stop()
        return sample

    def warm_up(self) -> None:
        """Start and stop the head once, so that no run pays for reading Ray's files from the disk."""
        manager = ClusterManager(ConfigManager(self._lab.config_path))
        manager.head.start()
        manager.close()
        self.stop()

    def stop(self) -> None:
        """Stop everything, whoever started it, and look at each node for what is left. Raises BenchmarkError."""
        manager = ClusterManager(ConfigManager(self._lab.config_path))
        result = manager.stop_cluster()
        manager.close()
        if not result.success:
            raise BenchmarkError(result.message, where=self._lab.name, fix="take the lab down and measure again")
        need_clean(self._lab, self.config)

    def _by_manager(self) -> dict[str, Any]:
        said: list[str] = []
        manager = ClusterManager(
            ConfigManager(self._lab.config_path), report=lambda node, phase: said.append(f"{node} {phase}")
        )
        result = manager.start_cluster()
        manager.close()
        if not result.success:
            raise BenchmarkError(result.message, where=MANAGER, fix="see the logs of that node")
        for node, done in zip([self._head, *self._workers], result.nodes, strict=True):
            if done.details["command"] != self._command(node):
                raise BenchmarkError(
                    f"the manager ran {done.details['command']}, the floor runs {self._command(node)}",
                    where=done.name,
                    fix="make the two commands the same again, or the ratio means nothing",
                )
        return {
            "retries": sum("again" in line for line in said),
            "nodes": {node.name: round(node.elapsed, 3) for node in result.nodes},
        }

    def _by_hand(self) -> dict[str, Any]:
        """All workers at once, with the manager's own bound: without it Ray's raylets abort on few cores."""
        times = {self._head.name: self._ray_start(self._head)}
        with ThreadPoolExecutor(max_workers=self.config.cluster.start_concurrency) as executor:
            took = list(executor.map(self._ray_start, self._workers))
        await_alive(self._lab, self.config)
        return {"nodes": {**times, **dict(zip((w.name for w in self._workers), took, strict=True))}}

    def _as_today(self) -> dict[str, Any]:
        times = {self._head.name: self._ray_start(self._head)}
        for worker in self._workers:
            times[worker.name] = self._ray_start(worker)
            time.sleep(SLEEP_OF_TODAY)  # the very thing that is measured
        await_alive(self._lab, self.config)
        return {"nodes": times, "asleep": SLEEP_OF_TODAY * len(self._workers)}

    def _ray_start(self, node: RayNode) -> float:
        """Run `ray start` on a node as user sage, without SSH; returns the seconds it took."""
        began = time.monotonic()
        environ = f"{COOKIE}={node.spec['temp_dir']}"
        limit = self.config.cluster.start_timeout
        done = self._lab.run(node.name, ["env", environ, *self._command(node)], user="sage", timeout=limit)
        if done.returncode:
            said = (done.stdout + done.stderr).strip()[-1000:]
            raise BenchmarkError(
                f"ray start ended with {done.returncode}: {said}", where=node.name, fix="see raylet.out"
            )
        return round(time.monotonic() - began, 3)

    def _command(self, node: RayNode) -> list[str]:
        environment = RayEnvironment(node.spec["ray_command"], node.spec["python"], (), {})
        return ray_start_command(node.spec, environment, self._lab.node(node.name).cluster_address)


def measure_start(name: str, workers: int, repeat: int, today: bool) -> dict[str, Any]:
    """Start a cluster of so many workers ``repeat`` times in each way, in turn.

    A round that others disturbed is followed by another, up to MOST_ROUNDS times ``repeat``; all are in the result.
    """
    ways = [MANAGER, FLOOR, TODAY] if today else [MANAGER, FLOOR]
    samples: list[Sample] = []
    error = ""
    with measured_lab(name, workers) as lab:
        starts = Starts(lab)
        try:
            starts.warm_up()
            number = 0
            while number < repeat or (calm_rounds(samples) < repeat and number < MOST_ROUNDS * repeat):
                for way in in_turn(ways, number):
                    samples.append(starts.run(way, number))
                    say(f"start, {workers} workers, round {number + 1}, {way}: {samples[-1].seconds:.2f} s")
                number += 1
        except BenchmarkError as problem:  # what was measured until then stays
            error = str(problem)
        bound = starts.config.cluster.start_concurrency
    return {
        "workers": workers,
        "start_concurrency": bound,
        "samples": [sample.to_dict() for sample in samples],
        "error": error,
    }
