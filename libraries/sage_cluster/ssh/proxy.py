"""A connection by way of a command, as ssh_config(5) has it: ProxyCommand and ProxyJump."""

from __future__ import annotations

import os
import socket
import subprocess
from contextlib import suppress

from sage_cluster.ssh.text import printable


class ProxySocket(socket.socket):
    """The standard input and output of a command, which ends with it. Raises OSError when no process can be made."""

    def __init__(self, command: str, address: tuple[str, int]) -> None:
        """``address``: where the command leads."""
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                ["/bin/sh", "-c", f"exec {command}"],
                stdin=theirs.fileno(),
                stdout=theirs.fileno(),
                stderr=subprocess.PIPE,
                start_new_session=True,  # Ctrl-C is for the one who asked, who then closes it
            )
        super().__init__(fileno=ours.detach())
        self._address = address

    def getpeername(self) -> tuple[str, int]:
        """Where the command leads."""
        return self._address

    def complaint(self) -> str:
        """What the command wrote as an error so far."""
        if self._process.stderr is None:
            return ""
        os.set_blocking(self._process.stderr.fileno(), False)
        with suppress(OSError, ValueError):
            return printable((self._process.stderr.read(2000) or b"").decode(errors="replace").strip())
        return ""

    def close(self) -> None:
        """Close it and end the command."""
        super().close()
        if self._process.poll() is None:
            self._process.terminate()
        if self._process.stderr:
            self._process.stderr.close()
