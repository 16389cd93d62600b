"""Faults of the node's SSH server. Connections that are open already live on in all of them."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import struct
import subprocess
import time
from pathlib import Path

from sage_lab.faults.on_node import lease, sshd
from sage_lab.faults.on_node.effect import Effect
from sage_lab.faults.on_node.sockets import listeners

HOST_KEY = Path("/etc/ssh/ssh_host_ed25519_key")
SETTINGS = Path("/etc/ssh/sshd_config.d")
_TAKE_AGAIN = 0.2


class NoSshd(Effect):
    """Nobody listens for SSH."""

    def begin(self) -> None:
        """Kill the listener."""
        sshd.stop()

    def heal(self) -> None:
        """Start it again."""
        sshd.start()

    def effective(self) -> str:
        """Nobody listens."""
        running = listeners(sshd.PORT)
        return f"process {running[0][0]} listens for SSH" if running else ""


class StrangeSshd(Effect):
    """In the server's place somebody who is ``silent``, who ``reset``s, or who is ``slow`` by ``seconds``."""

    holds = True

    def begin(self) -> None:
        """Kill the server; the holder waits for its port."""
        sshd.stop()

    def hold(self) -> None:
        """Accept everybody, and treat them as the manner says."""
        channel = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        channel.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sshd.wait(lambda: _bound(channel), "the SSH server's port does not become free", deadline=30.0)
        channel.listen(256)
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        kept: list[socket.socket] = []
        while True:
            connection, _ = channel.accept()
            if self.plan["manner"] == "silent":
                kept.append(connection)
                continue
            if self.plan["manner"] == "reset":
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            elif os.fork() == 0:
                self._serve_late(channel, connection)
            connection.close()

    def heal(self) -> None:
        """The holder is gone by now: start the server."""
        sshd.start()

    def effective(self) -> str:
        """The holder is among those who listen: a child of it may for a moment."""
        held, running = lease.holder(self.fault), [pid for pid, _ in listeners(sshd.PORT)]
        return "" if held and held[0] in running else f"{running or 'nobody'} listens for SSH"

    def _serve_late(self, channel: socket.socket, connection: socket.socket) -> None:
        """Wait, then let OpenSSH serve this one connection."""
        channel.close()
        time.sleep(float(self.plan["seconds"]))  # the fault itself
        os.setpgid(0, 0)  # whoever was let in stays when the fault ends
        os.dup2(connection.fileno(), 0)
        os.dup2(connection.fileno(), 1)
        os.execv(sshd.PROGRAM, [sshd.PROGRAM, "-i"])  # noqa: S606 - that there is no shell is the point


class ChangedHostKey(Effect):
    """The server shows another host key than before."""

    def begin(self) -> None:
        """Put the true key aside, make another one, and let the server read it."""
        for path in _key_files():
            if path.exists() and not self._aside(path).exists():
                shutil.copy2(path, self._aside(path))
                path.unlink()
        made = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(HOST_KEY)]
        subprocess.run(made, check=True, capture_output=True, stdin=subprocess.DEVNULL)
        sshd.reload()

    def heal(self) -> None:
        """Put the true key back."""
        changed = False
        for path in _key_files():
            if self._aside(path).exists():
                self._aside(path).replace(path)
                changed = True
        if changed:
            sshd.reload()

    def _aside(self, path: Path) -> Path:
        return path.with_name(f"{path.name}.sage-fault-{self.fault}")


class FullSshd(Effect):
    """Every place for somebody who logs in is taken: OpenSSH turns all newcomers away."""

    holds = True

    @property
    def _settings(self) -> list[Path]:
        """The first and the last file: which of them OpenSSH heeds for this setting depends on its version."""
        return [SETTINGS / f"{place}-sage-fault-{self.fault}.conf" for place in ("00", "99")]

    def begin(self) -> None:
        """Leave one place, which the holder takes."""
        for path in self._settings:
            path.write_text("MaxStartups 1:100:1\n", encoding="utf-8")
        sshd.reload()

    def hold(self) -> None:
        """Be connected without logging in; try again and again, since the server forgets who came before a reload."""
        kept: list[socket.socket] = []
        while True:
            connection = _connected()
            if connection is not None:
                kept.append(connection)
            time.sleep(_TAKE_AGAIN)

    def heal(self) -> None:
        """Give the places back."""
        there = [path for path in self._settings if path.exists()]
        for path in there:
            path.unlink()
        if there:
            sshd.reload()

    def effective(self) -> str:
        """Somebody takes the places; whether newcomers are turned away is seen from outside."""
        return "" if lease.holder(self.fault) else "nobody takes the places of the SSH server"


def _connected() -> socket.socket | None:
    """A connection that the SSH server greeted, and so counts; nothing when it turned us away."""
    connection = None
    try:
        connection = socket.create_connection(("127.0.0.1", sshd.PORT), timeout=2)
        if connection.recv(255).startswith(b"SSH-"):
            return connection
    except OSError:
        pass
    if connection is not None:
        connection.close()
    return None


def _key_files() -> list[Path]:
    return [HOST_KEY, HOST_KEY.with_name(f"{HOST_KEY.name}.pub")]


def _bound(channel: socket.socket) -> bool:
    try:
        channel.bind(("0.0.0.0", sshd.PORT))  # noqa: S104 - as the server itself did
    except OSError:
        return False
    return True
