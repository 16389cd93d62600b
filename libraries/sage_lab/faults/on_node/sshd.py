"""The node's SSH server: end it, start it, let it read its settings again, and know its processes."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sage_lab.faults.on_node import processes
from sage_lab.faults.on_node.effect import CannotError
from sage_lab.faults.on_node.sockets import listeners

PORT = 22
PROGRAM = "/usr/sbin/sshd"
_DEADLINE = 5.0
_POLL = 0.02


def stop() -> None:
    """Kill whoever listens for SSH now, and wait until they are gone; somebody else may take the port at once."""
    killed = listeners(PORT)
    for pid, start in killed:
        processes.send(pid, start, signal.SIGKILL)
    wait(lambda: not any(processes.state(pid, start) for pid, start in killed), "the SSH server does not end")


def start() -> None:
    """Start OpenSSH unless it listens already, and wait until it does."""
    if listeners(PORT):
        return
    Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    done = subprocess.run([PROGRAM], capture_output=True, text=True, check=False, close_fds=True)
    if done.returncode != 0:
        raise CannotError(f"{PROGRAM} does not start: {done.stderr.strip()}")
    wait(lambda: bool(listeners(PORT)), "the SSH server does not listen")


def reload() -> None:
    """Let OpenSSH read its settings and host keys again; none that runs is started."""
    running = listeners(PORT)
    if not running:
        start()
        return
    for pid, began in running:
        processes.send(pid, began, signal.SIGHUP)


def own_processes() -> set[int]:
    """The processes of the SSH server itself: who listens, and who serves a session, but not what a session runs.

    They are known by the program they run, whatever they call themselves, so sessions are found too that outlive their
    server. Since OpenSSH 9.8 a session's program is not ``sshd`` but one that lies beside ``sftp-server``.
    """
    return {pid for pid in processes.everyone() if serves_ssh(processes.executable(pid))}


def serves_ssh(program: str) -> bool:
    """Whether the file of this path is OpenSSH's server, or one of its parts."""
    return program == os.path.realpath(PROGRAM) or (bool(program) and (Path(program).parent / "sftp-server").exists())


def wait(condition: Callable[[], Any], otherwise: str, deadline: float = _DEADLINE) -> None:
    """Wait until it is true; raises CannotError with ``otherwise`` after ``deadline`` seconds."""
    until = time.monotonic() + deadline
    while not condition():
        if time.monotonic() >= until:
            raise CannotError(f"{otherwise} after {deadline:g} s")
        time.sleep(_POLL)
