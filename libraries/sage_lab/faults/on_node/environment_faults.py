"""Faults of what Ray needs on the node: ports, directories, programs."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

from sage_lab.faults.on_node import lease
from sage_lab.faults.on_node.as_user import give_to_user
from sage_lab.faults.on_node.effect import CannotError, Effect
from sage_lab.faults.on_node.sockets import listeners

STALE = "session_2020-01-01_00-00-00_000000_1"
LATEST = "session_latest"


class TakenPort(Effect):
    """Somebody else listens on ``port``."""

    holds = True

    def prepare(self) -> dict[str, Any]:
        """The port has to be free now."""
        taken = listeners(int(self.plan["port"]))
        if taken:
            raise CannotError(f"port {self.plan['port']} is taken already, by process {taken[0][0]}")
        return {}

    def hold(self) -> None:
        """Listen, and answer nobody."""
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as channel:
            channel.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            channel.bind(("0.0.0.0", int(self.plan["port"])))  # noqa: S104 - a server's own way
            channel.listen(64)
            while True:
                time.sleep(3600)  # until it is killed

    def effective(self) -> str:
        """The holder is the one who listens."""
        held = lease.holder(self.fault)
        who = [pid for pid, _ in listeners(int(self.plan["port"]))]
        return "" if held and who == [held[0]] else f"port {self.plan['port']} is listened on by {who or 'nobody'}"

    def recovered(self) -> str:
        """The holder is gone."""
        return "the holder of the port still runs" if lease.holder(self.fault) else ""


class StaleSession(Effect):
    """``directory`` holds what a Ray that died uncleanly leaves there, and the latest session is that one."""

    @property
    def _root(self) -> Path:
        return Path(self.plan["directory"])

    def prepare(self) -> dict[str, Any]:
        """What the latest session is now."""
        link = self._root / LATEST
        if (self._root / STALE).exists():
            raise CannotError(f"{self._root / STALE} is there already")
        return {"made": not self._root.exists(), "latest": str(link.readlink()) if link.is_symlink() else ""}

    def begin(self) -> None:
        """Make the files and sockets of a session that nobody serves."""
        session = self._root / STALE
        for name in ("sockets", "logs"):
            (session / name).mkdir(parents=True)
        for name in ("raylet", "plasma_store"):
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as channel:
                channel.bind(str(session / "sockets" / name))
        (session / "node_ip_address.json").write_text('{"node_ip_address": "192.0.2.1"}', encoding="utf-8")
        self._point(str(session))
        for path in [session, *session.rglob("*"), *([self._root] if self.plan["made"] else [])]:
            give_to_user(path)

    def heal(self) -> None:
        """Remove exactly that; a session made meanwhile stays the latest."""
        session, link = self._root / STALE, self._root / LATEST
        if session.exists():
            shutil.rmtree(session)
        if link.is_symlink() and str(link.readlink()) == str(session):
            link.unlink()
            if self.plan["latest"]:
                self._point(self.plan["latest"])
        if self.plan["made"] and self._root.is_dir() and not any(self._root.iterdir()):
            self._root.rmdir()

    def effective(self) -> str:
        """The session is there and the latest."""
        link = self._root / LATEST
        latest = str(link.readlink()) if link.is_symlink() else "nothing"
        return "" if latest == str(self._root / STALE) else f"the latest session is {latest}"

    def recovered(self) -> str:
        """It is gone."""
        return f"{self._root / STALE} is still there" if (self._root / STALE).exists() else ""

    def _point(self, target: str) -> None:
        scratch = self._root / f"{LATEST}.{self.fault}"
        scratch.symlink_to(target)
        give_to_user(scratch)  # Ray's links are its user's, and a stop leaves those of others alone
        scratch.replace(self._root / LATEST)


class MovedAside(Effect):
    """``path`` is not there: it lies beside its place under another name."""

    @property
    def _aside(self) -> Path:
        path = Path(self.plan["path"])
        return path.with_name(f"{path.name}.sage-fault-{self.fault}")

    def prepare(self) -> dict[str, Any]:
        """It has to be there now."""
        if not Path(self.plan["path"]).exists():
            raise CannotError(f"{self.plan['path']} is not there")
        return {}

    def begin(self) -> None:
        """Move it away."""
        _move(Path(self.plan["path"]), self._aside)

    def heal(self) -> None:
        """Move it back over whatever took its place."""
        if not self._aside.exists():
            return
        path = Path(self.plan["path"])
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
        _move(self._aside, path)

    def effective(self) -> str:
        """It is not in its place."""
        return f"{self.plan['path']} is there" if Path(self.plan["path"]).exists() else ""

    def recovered(self) -> str:
        """It is back."""
        there = Path(self.plan["path"]).exists() and not self._aside.exists()
        return "" if there else f"{self.plan['path']} is not back"


class WrongRayVersion(MovedAside):
    """The program at ``path`` is replaced by one that runs the same Ray under the version ``version``."""

    def begin(self) -> None:
        """Put the other program into its place."""
        super().begin()
        path = Path(self.plan["path"])
        python = path.with_name("python")
        version = repr(self.plan["version"])
        program = (
            "import importlib.metadata as m, sys, ray; true = m.version; "
            f"m.version = lambda name: {version} if name == 'ray' else true(name); ray.__version__ = {version}; "
            "from ray.scripts.scripts import main; sys.argv[0] = 'ray'; sys.exit(main())"
        )
        path.write_text(f'#!/bin/sh\nexec {python} -c "{program}" "$@"\n', encoding="utf-8")
        path.chmod(0o755)

    def effective(self) -> str:
        """It says that version itself."""
        path = str(Path(self.plan["path"]))
        said = subprocess.run([path, "--version"], capture_output=True, text=True, check=False, timeout=20)
        words = said.stdout.split() or said.stderr.split()
        return "" if words and words[-1] == self.plan["version"] else f"{path} says {' '.join(words[-20:])}"


def _move(source: Path, target: Path) -> None:
    """By mv, which copies where an overlay's lower layer cannot be renamed."""
    done = subprocess.run(["mv", "-T", "--", str(source), str(target)], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise CannotError(f"{source} cannot be moved: {done.stderr.strip()}")
