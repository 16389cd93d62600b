"""`true` on many SSH connections at once: the managers' client beside asyncssh, parallel-ssh and Ansible."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from benchmarks.cpu import await_quiet
from benchmarks.errors import BenchmarkError
from benchmarks.fanout_ansible import run_ansible
from benchmarks.lab import say
from benchmarks.samples import Sample, in_turn, measure
from sage_cluster import ConfigManager
from sage_lab import Lab, Topology
from sage_lab.machine.commands import dying_with_this_process

NAMES = ("ours", "asyncssh", "parallel-ssh")
ANSIBLE = "ansible"
PLAYBOOK_PROGRAM = Path(sys.prefix) / "bin" / "ansible-playbook"
CASES = (("fresh", 50), ("fresh", 200), ("warm", 50))
QUICK_CASES = (("fresh", 50), ("warm", 50))
CLIENT_SECONDS = 120.0


def measure_fanout(name: str, workers: int, repeat: int, cases: tuple[tuple[str, int], ...]) -> dict[str, Any]:
    """Run every client in every case ``repeat`` times, each in a process of its own; ways: "ours fresh 50"."""
    samples: list[Sample] = []
    clients = (*NAMES, *([ANSIBLE] if PLAYBOOK_PROGRAM.exists() else []))
    lab = Lab.up(Topology.of(workers=workers), name=name, report=say)
    try:
        for number in range(repeat):
            for kind, count in cases:
                await_quiet(lab.name)
                for client in in_turn(clients, number):
                    samples.append(_client_process(lab, number, client, kind, count))
                    say(f"fan-out, round {number + 1}, {samples[-1].way}: {samples[-1].seconds:.3f} s")
    finally:
        lab.down()
    return {
        "nodes": workers,
        "clients": clients,
        "cases": [f"{kind} {count}" for kind, count in cases],
        "samples": [sample.to_dict() for sample in samples],
    }


def run_client(lab_name: str, client: str, kind: str, count: int) -> dict[str, Any]:
    """Run one client in this process, on the nodes of a lab that is up. Answers wall and CPU seconds."""
    from benchmarks.fanout_clients import CLIENTS, CONCURRENCY  # noqa: PLC0415 - gevent comes with it, after the lab was entered

    lab = Lab.attach(lab_name)
    lab.enter()
    settings = ConfigManager(lab.config_path).load().ssh
    hosts = list(islice(cycle(node.name for node in lab.nodes if node.role == "worker"), count))
    if client == ANSIBLE:
        return run_ansible(PLAYBOOK_PROGRAM, settings, hosts, kind == "warm", CONCURRENCY)
    timing, codes = CLIENTS[client](settings, hosts, kind == "warm")
    if codes != [0] * count:
        raise BenchmarkError(f"exit statuses {codes}", where=client, fix="every connection must run its command")
    return {"wall": timing.wall, "cpu": timing.cpu}


def _client_process(lab: Lab, number: int, client: str, kind: str, count: int) -> Sample:
    answer: dict[str, float] = {}

    def run() -> dict[str, Any]:
        command = [sys.executable, "-m", "benchmarks", "fanout-client", lab.name, client, kind, str(count)]
        done = subprocess.run(
            dying_with_this_process(command), capture_output=True, text=True, timeout=CLIENT_SECONDS, check=False
        )
        if done.returncode:
            raise BenchmarkError(done.stderr.strip()[-1000:], where=client, fix="run the client by hand")
        answer.update(json.loads(done.stdout))
        return {}

    whole = measure(f"{client} {kind} {count}", number, run, lab.name, children=True)
    if whole.error:
        return whole
    # The time of the client's own clock: its process's start and imports are not what is compared.
    return replace(whole, seconds=answer["wall"], client_cpu=answer["cpu"])
