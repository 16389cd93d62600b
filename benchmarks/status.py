"""The status of a running cluster: the first call of a manager, and the calls after it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from benchmarks.cpu import CpuUsage, await_quiet
from benchmarks.errors import BenchmarkError
from benchmarks.lab import measured_lab, say
from benchmarks.samples import Sample, measure
from sage_cluster import ClusterManager, ConfigManager, SageError
from sage_cluster.nodes.spec import head_node, worker_nodes
from sage_cluster.ssh.pool import SshPool, fan_out
from sage_lab import Lab

FIRST, NEXT, BARE_PYTHON, BARE_TRUE = "first call", "next calls", "python start", "true"
CALLS = 20


def measure_status(name: str, workers: int, repeat: int) -> dict[str, Any]:
    """Ask ``repeat`` fresh managers 1 + CALLS times each, and the same nodes for less work over kept connections."""
    samples: list[Sample] = []
    with measured_lab(name, workers) as lab:
        manager = ClusterManager(ConfigManager(lab.config_path))
        result = manager.start_cluster()
        if not result.success:
            raise BenchmarkError(result.message, where=lab.name, fix="the cluster must run before it is asked")
        for number in range(repeat):
            await_quiet(lab.name)
            before = CpuUsage.now(lab.name)
            block = [*_calls(lab, number), *_bare_commands(lab, number)]
            # One call is too short to tell others' work from it: the round counts as a whole, or not at all.
            others = CpuUsage.now(lab.name).others_since(before)
            samples += [replace(sample, others_cores=others) for sample in block]
            say(f"status, {workers} workers, round {number + 1}: {samples[-1].seconds:.3f} s for the last command")
        manager.stop_cluster()
        manager.close()
    return {"workers": workers, "calls": CALLS, "samples": [sample.to_dict() for sample in samples]}


def _calls(lab: Lab, number: int) -> list[Sample]:
    manager = ClusterManager(ConfigManager(lab.config_path))

    def ask() -> dict[str, Any]:
        status = manager.status_cluster()
        if not status.healthy:
            states = {node.name: str(node.state) for node in status.nodes}
            raise BenchmarkError(f"not all nodes run: {states}", where=lab.name, fix="start them before measuring")
        return {}

    samples = [measure(FIRST, number, ask, lab.name)]
    samples += [measure(NEXT, number, ask, lab.name) for _ in range(CALLS)]
    manager.close()
    return samples


def _bare_commands(lab: Lab, number: int) -> list[Sample]:
    """What a status cannot be faster than while it asks each node by a Python of its own: that Python's start."""
    config = ConfigManager(lab.config_path).load()
    nodes = [head_node(config), *worker_nodes(config)]
    samples = []
    with SshPool(lambda: config.ssh) as pool:
        for way, argv in (
            (BARE_TRUE, lambda _: ["true"]),
            (BARE_PYTHON, lambda python: [python, "-I", "-S", "-c", "pass"]),
        ):

            def run(argv: Any = argv) -> dict[str, Any]:  # noqa: ANN401
                answers = fan_out(
                    nodes, lambda node: pool.run(node.target, argv(node.spec["python"])), config.ssh.max_connections
                )
                for node, answer in answers:
                    if isinstance(answer, SageError):
                        raise answer
                    if answer.returncode:
                        raise BenchmarkError(answer.stderr, where=node.name, fix="run it by hand there")
                return {}

            run()  # opens the connections
            samples += [measure(way, number, run, lab.name) for _ in range(CALLS)]
    return samples
