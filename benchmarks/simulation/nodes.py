"""Simulated nodes for the body of a `with`: their process, and a configuration that names them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import yaml

from benchmarks.errors import BenchmarkError
from benchmarks.simulation.server import USER, addresses
from sage_cluster import ConfigManager

END_SECONDS = 30.0
PATIENCE = 60.0
"""Seconds: all nodes share one process here, so one of them may answer late where a real one would not."""


@contextmanager
def simulated_nodes(workers: int) -> Iterator[ConfigManager]:
    """A head and so many workers, none of them started yet. Raises BenchmarkError when they cannot be played."""
    with TemporaryDirectory(prefix="sage-simulation-") as name:
        directory = Path(name)
        command = [sys.executable, "-m", "benchmarks.simulation.server", name, str(workers + 1)]
        environ = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
        server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environ)
        try:
            port = (server.stdout.readline() if server.stdout else "").strip()
            if not port:
                raise BenchmarkError(
                    f"ended with status {server.wait(END_SECONDS)}; its own words are above",
                    where="simulated nodes",
                    fix="a node needs three file descriptors there: see 'ulimit -n'",
                )
            yield ConfigManager(_configuration(directory, workers, int(port)))
        finally:
            try:
                server.communicate(timeout=END_SECONDS)  # its standard input closes, so it ends
            except subprocess.TimeoutExpired:
                server.kill()
                server.communicate()


def _configuration(directory: Path, workers: int, port: int) -> Path:
    head, *others = addresses(workers + 1)
    content = {
        "head": {"host": head, "ssh_port": port},
        "ssh": {
            "user": USER,
            "key_path": str(directory / "key"),
            "known_hosts": str(directory / "known_hosts"),
            "connect_timeout": PATIENCE,
        },
        # As many at once as ssh.max_connections; the default is for nodes that run Ray.
        "cluster": {"start_concurrency": 50, "answer_timeout": PATIENCE, "start_timeout": 600},
        # No supervisor by itself: it is measured alone.
        "recovery": {"enabled": False, "suspect_after": PATIENCE, "silent_after": 2 * PATIENCE},
        "workers_ssh_hosts": ",".join(f"{host}:{port}" for host in others),
    }
    path = directory / "config.yaml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return path
