"""What is deployed on this node: blobs by their digests, releases made of them, and the one that is current.

<sage_home>/deploy/blobs/<sha256>              each file's bytes, once
<sage_home>/deploy/releases/<number>-<name>/   site/, bin/, config.yaml, and manifest.json, written last
<sage_home>/deploy/current -> releases/...     switched by one rename
"""

from __future__ import annotations

import ctypes
import fcntl
import hashlib
import json
import os
import re
import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

from sage_cluster.on_node.deploy.environ import CURRENT, DEPLOY
from sage_cluster.on_node.errors import CannotError
from sage_cluster.on_node.processes import all_processes, read_words
from sage_cluster.on_node.sessions import session_processes

if TYPE_CHECKING:
    from sage_cluster.on_node.protocol import Manifest

MANIFEST = "manifest.json"
RELEASE = re.compile(r"[0-9]{4,}-.+")
BLOB = re.compile(r"[0-9a-f]{64}")
HALF_BLOB = re.compile(r"\.[0-9a-f]{64}")
POLL_SECONDS = 0.1
RESERVE_BYTES = 20_000_000
CHUNK_BYTES = 1 << 20


class DeployError(CannotError):
    """The deployment cannot be done on this node; the message says why. What was current still is."""


class Store:
    """The directory of deployments below ``sage_home``."""

    def __init__(self, sage_home: str) -> None:
        self.root = Path(sage_home).expanduser() / DEPLOY
        self.blobs = self.root / "blobs"
        self.releases = self.root / "releases"

    @contextmanager
    def locked(self, wait: float) -> Iterator[None]:
        """Hold the store for one deployment; it is free again when this process ends, however that happens.

        Raises DeployError when another one holds it for more than ``wait`` seconds.
        """
        for directory in (self.blobs, self.releases):
            directory.mkdir(parents=True, exist_ok=True)
        self.root.chmod(0o700)
        deadline = time.monotonic() + wait
        lock = os.open(self.root / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            while True:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() >= deadline:
                        holder = os.pread(lock, 200, 0).decode() or "it is just beginning"
                        raise DeployError(
                            f"another deployment is under way on this node: {holder}; deploy again after its end"
                        ) from None
                    time.sleep(POLL_SECONDS)
            os.ftruncate(lock, 0)
            since = datetime.now(timezone.utc).isoformat(timespec="seconds")  # noqa: UP017 - nodes may have Python 3.10
            with suppress(OSError):  # a full disk must not keep anybody from going back to an older release
                os.pwrite(lock, f"process {os.getpid()} since {since}".encode(), 0)
            yield
        finally:
            os.close(lock)

    def complete(self) -> list[str]:
        """The whole releases, oldest first."""
        return sorted(path.name for path in self._release_directories() if (path / MANIFEST).is_file())

    def _release_directories(self) -> list[Path]:
        """What deployments made, whole or not. Whatever else lies there is somebody else's, and stays."""
        return [path for path in self.releases.glob("[0-9]*-*") if RELEASE.fullmatch(path.name) and path.is_dir()]

    def current(self) -> str:
        """The current release; empty without one."""
        try:
            name = (self.root / CURRENT).readlink().name
        except OSError:
            return ""
        return name if (self.releases / name / MANIFEST).is_file() else ""

    def manifest(self, release: str) -> Manifest:
        """What a release consists of."""
        manifest: Manifest = json.loads((self.releases / release / MANIFEST).read_text("utf-8"))
        return manifest

    def new_release(self, name: str) -> Path:
        """Where the next release goes; the directory is not made."""
        numbers = [int(path.name.split("-")[0]) for path in self._release_directories()]
        return self.releases / f"{max(numbers, default=0) + 1:04d}-{name}"

    def lacking(self, digests: list[str]) -> list[str]:
        """Those of the blobs that are not here, each once; one that is damaged is removed and so is lacking."""
        lacking = []
        for digest in dict.fromkeys(digests):
            try:
                found = file_digest(self.blobs / digest)
            except FileNotFoundError:
                found = ""
            if found != digest:
                lacking.append(digest)
        return lacking

    def check_room(self, wanted: int) -> None:
        """Raise DeployError unless ``wanted`` bytes more fit on the disk."""
        space = os.statvfs(self.root)
        free = space.f_bavail * space.f_frsize
        if free < wanted + RESERVE_BYTES:
            raise DeployError(
                f"the disk of {self.root} is too full: {free} bytes free, the release needs {wanted} and "
                f"{RESERVE_BYTES} stay in reserve; make room, then deploy again"
            )

    def switch(self, release: str) -> None:
        """Make a release the current one, at one stroke and for good."""
        flush(self.root)
        link = self.root / f".{CURRENT}.new"
        link.unlink(missing_ok=True)
        link.symlink_to(Path("releases") / release)
        link.replace(self.root / CURRENT)
        flush(self.root)

    def remove_partial(self) -> None:
        """Remove what a deployment left that was cut short; the blobs that arrived whole stay."""
        whole = self.complete()
        for path in self._release_directories():
            if path.name not in whole:
                shutil.rmtree(path)
        for path in self.blobs.iterdir():
            if HALF_BLOB.fullmatch(path.name):
                path.unlink()

    def prune(self, keep: int) -> list[str]:
        """Remove all but the newest ``keep`` releases, the current one and those in use; then what none needs."""
        everything = self.complete()
        kept = {*everything[-keep:], self.current(), *self.in_use()}
        removed = [name for name in everything if name not in kept]
        for name in removed:
            (self.releases / name / MANIFEST).unlink()
            shutil.rmtree(self.releases / name)
        self.drop_unused_blobs()
        return removed

    def drop_unused_blobs(self) -> None:
        """Remove the blobs of no release."""
        used = {digest for name in self.complete() for _, digest, *_ in self.manifest(name)["files"]}
        for path in self.blobs.iterdir():
            if BLOB.fullmatch(path.name) and path.name not in used:
                path.unlink()

    def in_use(self) -> set[str]:
        """The releases that a running process was started with: Ray, or a driver."""
        prefix = f"{self.releases.resolve()}/"
        found = set()
        for path in python_paths():
            found |= {one.removeprefix(prefix).split("/")[0] for one in path.split(":") if one.startswith(prefix)}
        return found

    def is_outdated(self, release: str, temp_dir: str) -> bool:
        """Whether the cluster of this ``temp_dir`` runs here and was not started with this release.

        The raylet and the GCS tell: Ray's Python processes write their titles over what they were started with.
        """
        site = str(self.releases.resolve() / release / "site")
        started = [one.environ for one in session_processes(temp_dir) if one.role in {"raylet", "gcs"}]
        return any(site not in _python_path(environ).split(":") for environ in started)


def python_paths() -> list[str]:
    """The PYTHONPATH of each process that this user may look at."""
    return [_python_path(read_words(process.pid, "environ")) for process in all_processes()]


def _python_path(environ: Iterable[str]) -> str:
    return next((word.removeprefix("PYTHONPATH=") for word in environ if word.startswith("PYTHONPATH=")), "")


def file_digest(path: Path) -> str:
    """A file's SHA-256. Raises OSError."""
    whole = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            whole.update(chunk)
    return whole.hexdigest()


def flush(directory: Path) -> None:
    """Write the file system to its disk: else a power cut could leave a release of empty files."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        if ctypes.CDLL(None, use_errno=True).syncfs(descriptor):
            raise OSError(ctypes.get_errno(), "the disk could not be written", str(directory))
    finally:
        os.close(descriptor)
