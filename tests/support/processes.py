"""Real processes that look like Ray's, and others that are no more than processes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.support.sessions import SESSION

SLEEP = "import time; print(flush=True); time.sleep(60)"
DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); time.sleep(60)"
"""As SLEEP, but SIGTERM does not end it."""
LISTEN = (
    "import socket, sys, time; s = socket.socket(getattr(socket, sys.argv[1])); s.bind((sys.argv[2], 0)); s.listen(); "
    "print(s.getsockname()[1], flush=True); time.sleep(60)"
)
"""Listens on a free port, which it says; its options are the family and the address."""


class Fakes:
    """Starts processes that look like Ray's, and ends them."""

    def __init__(self) -> None:
        self._running: list[subprocess.Popen[str]] = []

    def run(
        self, name: str, *options: str, source: str = SLEEP, environ: Mapping[str, str] | None = None
    ) -> subprocess.Popen[str]:
        """A Python process under the given name; it has begun its ``source`` when this returns."""
        argv = [name, "-I", "-S", "-c", source, *options]
        return self.command(argv, executable=sys.executable, environ=environ)

    def command(
        self, argv: list[str], *, executable: str | None = None, environ: Mapping[str, str] | None = None
    ) -> subprocess.Popen[str]:
        """Any process; ``said`` is its first line, which is waited for."""
        process = subprocess.Popen(
            argv,
            executable=executable,
            env={**os.environ, **(environ or {})},
            stdout=subprocess.PIPE,
            stdin=subprocess.PIPE,
            text=True,
        )
        self._running.append(process)
        assert process.stdout
        self.said = process.stdout.readline().strip()
        return process

    def raylet(
        self,
        temp_dir: Path,
        *options: str,
        session: str = SESSION,
        node_id: str = "abc",
        environ: Mapping[str, str] | None = None,
    ) -> int:
        """A raylet of a session; its pid."""
        socket = f"--raylet_socket_name={temp_dir}/{session}/sockets/raylet"
        return self.run("/opt/ray/raylet", socket, f"--node-id={node_id}", *options, environ=environ).pid

    def gcs(self, temp_dir: Path, session: str = SESSION, source: str = SLEEP) -> int:
        """A GCS of a session; its pid."""
        return self.run("/opt/ray/gcs_server", f"--log_dir={temp_dir}/{session}/logs", source=source).pid

    def end(self) -> None:
        """Kill them all."""
        for process in self._running:
            process.kill()
            process.communicate()
