"""`start`, `status` and the supervisor on ever more simulated nodes: does anything grow faster than they do?"""

from __future__ import annotations

import json
import subprocess
import sys
from itertools import pairwise
from typing import Any

from benchmarks.cpu import CpuUsage
from benchmarks.errors import BenchmarkError
from benchmarks.lab import say
from benchmarks.simulation.nodes import simulated_nodes
from sage_lab.machine.commands import dying_with_this_process

OPERATIONS = ("start", "status", "supervise")
SIZES = (10, 100, 1000)
FIGURES = ("cpu", "watch_cores", "memory", "threads", "files")
"""What must not grow faster than the nodes. Wall time is not among them: others who share the machine lengthen it;
nor ``cpu_next``: the 0.02 s of a status of ten open connections are less than what alike runs differ by."""
NOT_LINEAR = ("supervise", "cpu")
"""Until the supervisor has seen all nodes it watches those that it has seen, while the others still log in."""
TOLERANCE = 1.25
"""Over linear by this factor is still called linear: alike runs differ by so much on a machine that is shared."""
CLIENT_SECONDS = 900.0


def measure_scale(sizes: list[int]) -> dict[str, Any]:
    """Each operation once on so many workers, in a process of its own.

    Answers ``rows``: ``operation``, ``workers`` and the figures of `scale_client.watched`, and ``faster``: what grew
    faster than linearly from one size to the next, as texts; ``error`` names what could not be measured.
    """
    rows: list[dict[str, Any]] = []
    errors = []
    for workers in sizes:
        with simulated_nodes(workers) as config:
            for operation in OPERATIONS:
                before = CpuUsage.now(children=True)
                try:
                    measured = _client(str(config.path), operation)
                except BenchmarkError as error:  # what else is measured stays
                    errors.append(f"{operation}, {workers} workers: {error}")
                    continue
                rows.append({"operation": operation, "workers": workers, **measured})
                rows[-1]["load"] = CpuUsage.now(children=True).others_since(before)
                say(f"scale, {operation}, {workers} workers: {rows[-1]['seconds']:.2f} s, {rows[-1]['cpu']:.2f} CPU-s")
    return {"sizes": sizes, "rows": rows, "faster": faster_than_linear(rows), "error": "\n".join(errors)}


def faster_than_linear(rows: list[dict[str, Any]]) -> list[str]:
    """Which figures grew faster than the number of nodes, from each size to the next."""
    found = []
    for operation in OPERATIONS:
        mine = [row for row in rows if row["operation"] == operation]
        for less, more in pairwise(mine):
            nodes = more["workers"] / less["workers"]
            for figure in FIGURES:
                if (operation, figure) == NOT_LINEAR:
                    continue
                if figure in less and more[figure] > less[figure] * nodes * TOLERANCE:
                    found.append(
                        f"{operation}, {figure}: {less[figure]:.4g} with {less['workers']} workers, "
                        f"{more[figure]:.4g} with {more['workers']}"
                    )
    return found


def _client(config: str, operation: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks", "scale-client", config, operation]
    done = subprocess.run(
        dying_with_this_process(command), capture_output=True, text=True, timeout=CLIENT_SECONDS, check=False
    )
    if done.returncode:
        raise BenchmarkError(done.stderr.strip()[-3000:], where=f"scale {operation}", fix="run it alone")
    measured: dict[str, Any] = json.loads(done.stdout)
    return measured
