"""A node that is a directory of this machine: the node's own program runs in a process, over pipes instead of SSH."""

from __future__ import annotations

import os
import select
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

from sage_cluster.deployment.package import Package, make_package
from sage_cluster.deployment.session import DeploymentNodes
from sage_cluster.deployment.wheel import read_wheel
from sage_cluster.errors import ConnectionLostError
from sage_cluster.nodes.spec import RayNode
from sage_cluster.on_node.deploy.store import Store
from sage_cluster.ssh.connection import Target
from sage_cluster.ssh.pool import SshPool
from tests.support.wheels import make_wheel

COMMANDS = b"[console_scripts]\ngreet = greeting:main\n"


class PipeStream:
    """What `SshStream` is, for a process on this machine; ``spoil`` changes what is sent."""

    def __init__(self, argv: list[str], spoil: Callable[[str], str]) -> None:
        self._process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self._spoil = spoil
        self._rest = b""

    def send(self, text: str) -> None:
        assert self._process.stdin
        try:
            self._process.stdin.write(self._spoil(text).encode())
            self._process.stdin.flush()
        except OSError as error:
            raise ConnectionLostError(str(error), where="here") from error

    def lines(self, timeout: float) -> list[str]:
        assert self._process.stdout
        assert self._process.stderr
        if not select.select([self._process.stdout], [], [], timeout)[0]:
            return []
        chunk = os.read(self._process.stdout.fileno(), 65536)
        if not chunk:
            raise ConnectionLostError(self._process.stderr.read().decode() or "ended", where="here")
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        return [line.decode() for line in lines]

    def close(self) -> None:
        """The node hears that its controller left, and ends by itself when it has taken in what came before."""
        assert self._process.stdin
        with suppress(OSError):
            self._process.stdin.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for output in (self._process.stdout, self._process.stderr):
            assert output
            output.close()


class PipePool:
    """What `SshPool` is to a deployment."""

    def __init__(self) -> None:
        self.spoil: Callable[[str], str] = lambda text: text
        self.dropped: list[Target] = []

    def stream(self, _: Target, argv: list[str]) -> PipeStream:
        return PipeStream(argv, self.spoil)

    def drop(self, target: Target) -> None:
        self.dropped.append(target)


class Node:
    """A node's home, and deployments to it."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.store = Store(str(home))
        self.pool = PipePool()
        self.nodes = DeploymentNodes(cast(SshPool, self.pool))
        spec = {"ray_command": sys.executable, "python_path": sys.executable, "conda_env": "", "python": sys.executable}
        self.node = RayNode(
            "here", "worker", Target("here"), {**spec, "sage_home": str(home), "temp_dir": str(home / "ray")}
        )

    def deploy(
        self, package: Package, *, keep: int = 3, timeout: float = 60.0, dry_run: bool = False
    ) -> dict[str, Any]:
        return self.nodes.deploy(
            self.node, package, keep=keep, timeout=timeout, report=lambda *_: None, dry_run=dry_run
        )

    def greeting(self) -> str:
        done = subprocess.run([self.home / "deploy/current/bin/greet"], capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def files(self) -> set[str]:
        """Everything below the deployments but the blobs and the lock."""
        root = self.home / "deploy"
        found = (path.relative_to(root) for path in root.rglob("*"))
        return {
            str(path) for path in found if path.parts[0] not in ("blobs", "lock") and "__pycache__" not in path.parts
        }


Make = Callable[..., Package]
"""Makes a package whose program says a word: ``make("hello")``; more files by keyword."""


def packages_in(directory: Path) -> Make:
    """A maker of packages of the project ``greeting``, whose wheels lie in ``directory``."""
    numbers = iter(range(100))

    def package(word: str, source: str = "", **extra: bytes) -> Package:
        text = source or f"def main():\n    print('{word}')\n"
        files = {"greeting/__init__.py": text.encode(), "greeting/same.txt": b"same" * 1000}
        files |= {f"greeting/{name}": data for name, data in extra.items()}
        wheel = make_wheel(directory / str(next(numbers)), files, name="greeting", entry_points=COMMANDS)
        return make_package(read_wheel(wheel), [])

    return package
