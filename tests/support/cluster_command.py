"""The command `sage-cluster`, and a cluster that it cannot reach."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner, Result

from sage_cluster.cli import main
from tests.support.ports import free_port


def call(*arguments: str | Path) -> Result:
    """Run the command in this process."""
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def unreachable_cluster(directory: Path, *more: str, worker: str = "127.0.0.2") -> Path:
    """The configuration of a head and a worker behind a port on which nothing listens; ``more`` lines of it."""
    port = free_port()
    lines = [
        f"head: {{host: 127.0.0.1, ssh_port: {port}}}",
        f"ssh: {{retries: 0, known_hosts: {directory}/known_hosts}}",
        f"workers_ssh_hosts: {worker}:{port}",
        *more,
    ]
    path = directory / "unreachable.yaml"
    path.write_text("\n".join(lines) + "\n")
    return path
