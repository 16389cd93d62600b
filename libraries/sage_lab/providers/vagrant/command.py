"""The ``vagrant`` command through python-vagrant, with what that lacks: time limits, and errors with the output.

The command runs in a session of its own, so that Ctrl-C in the terminal reaches only this process, which then ends
it; it dies with this process; and it keeps the lab's lock, so that nobody sweeps the lab beside it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO

import vagrant

from sage_lab.errors import CommandTimeoutError, HostCommandError, MissingProgramError
from sage_lab.machine import commands, lock

_KEPT_LINES = 40
_END = 15.0
_INSTALL = "apt-get install vagrant vagrant-libvirt"
_NOISE = ("[fog]", "[libvirt]", "from /")  # warnings of its libraries, and where in its own source an error arose


class VagrantCommand(vagrant.Vagrant):
    """Every method of python-vagrant, bounded by ``timeout`` seconds; ``log`` gets all that vagrant says."""

    def __init__(self, root: Path, env: Mapping[str, str], log: Path, timeout: float = 120.0) -> None:
        super().__init__(root=str(root), env={**os.environ, **env})  # type: ignore[no-untyped-call]
        self.timeout = timeout
        self.log = log
        self.on_line: Callable[[str], None] = lambda _: None

    def up_together(self, machines: Sequence[str], *, timeout: float) -> None:
        """Bring these machines up by one command, so that they share what only one may make."""
        self._converse(["up", *machines, "--provider=libvirt"], timeout)

    def login_of(self, machine: str) -> dict[str, str]:
        """How Vagrant logs in there: ``HostName``, ``User``, ``IdentityFile`` and more of OpenSSH's settings."""
        found: dict[str, str] = self.conf(vm_name=machine)  # type: ignore[no-untyped-call]
        return found

    def _call_vagrant_command(self, args: Sequence[str | None]) -> None:
        self._converse(args, self.timeout)

    def _run_vagrant_command(self, args: Sequence[str | None]) -> str:
        return self._converse(args, self.timeout)

    def _converse(self, args: Sequence[str | None], timeout: float) -> str:
        """Run vagrant and return its output; HostCommandError or CommandTimeoutError have its last words."""
        try:
            command: list[str] = self._make_vagrant_command(args)  # type: ignore[no-untyped-call]
        except RuntimeError as error:
            raise MissingProgramError("vagrant is not installed", where="this machine", fix=_INSTALL) from error
        told = f"vagrant {' '.join(command[1:])}"
        out: list[str] = []
        last: deque[str] = deque(maxlen=_KEPT_LINES)
        with self.log.open("a", encoding="utf-8") as log:
            log.write(f"$ {told}\n")
            process = subprocess.Popen(
                commands.dying_with_this_process(command),
                cwd=self.root,
                env=self.env,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
                start_new_session=True,
                pass_fds=lock.held_descriptors(),
            )
            readers: list[threading.Thread] = []
            try:  # from here on Ctrl-C may come at any moment
                for stream, kept in ((process.stdout, out), (process.stderr, None)):
                    readers.append(threading.Thread(target=self._read, args=(stream, kept, last, log.write)))
                    readers[-1].start()
                status = process.wait(timeout)
            except subprocess.TimeoutExpired:
                raise CommandTimeoutError(
                    f"did not end within {timeout:g} s and was ended: {told}{_said(last)}",
                    where="this machine",
                    fix=f"{self.log} has all that it said; under software emulation everything takes long",
                ) from None
            finally:
                _end(process)
                for reader in readers:
                    if reader.ident is not None:  # it was started
                        reader.join()
        if status != 0:
            raise HostCommandError(
                f"{told} ended with {status}{_said(last)}", where="this machine", fix=f"{self.log} has all that it said"
            )
        return "".join(out)

    def _read(
        self, stream: IO[str] | None, kept: list[str] | None, last: deque[str], write: Callable[[str], object]
    ) -> None:
        for line in stream or ():
            write(line)
            if kept is not None:
                kept.append(line)
            if not line.lstrip().startswith(_NOISE):
                last.append(line.rstrip("\n"))
            self.on_line(line.rstrip("\n"))


def _said(last: Sequence[str]) -> str:
    words = "\n  ".join(line for line in last if line.strip())
    return f":\n  {words}" if words else ", and said nothing"


def _end(process: subprocess.Popen[str]) -> None:
    """End the command and all that it started: first asked, so that it lets go of its machines, then killed."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        if process.poll() is not None:
            return
        os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_END)
