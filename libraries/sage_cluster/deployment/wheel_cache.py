"""pip on the controller: builds a project's wheel and gets the wheels that nodes of one platform lack.

Both are kept in a cache, so that nothing is built or asked for twice; nodes need neither pip nor internet.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from sage_cluster.deployment.platform import NodePlatform, normal
from sage_cluster.deployment.source_tree import SourceTree
from sage_cluster.deployment.wheel import Wheel
from sage_cluster.errors import DeploymentError

PIP_SECONDS = 900.0
KEPT_ENTRIES = 20
_SAID_LINES = 15
_VERSION = re.compile(r"[0-9][0-9A-Za-z.!+-]*")


class WheelCache:
    """Wheels made or fetched, below ``directory``. With ``wheels``, a directory of wheels, pip asks no index."""

    def __init__(self, directory: Path, wheels: Path | None = None) -> None:
        self._directory = directory
        self._wheels = wheels
        if wheels and not wheels.is_dir():
            raise DeploymentError(
                "there is no such directory of wheels", where=str(wheels), fix="correct deploy.wheels, or leave it out"
            )

    def build(self, tree: SourceTree) -> Path:
        """The wheel of a source tree, built from its packaged files only. Raises DeploymentError."""

        with tempfile.TemporaryDirectory(prefix="sage-build-") as stage:
            tree.copy_to(Path(stage))

            def build(directory: Path) -> None:
                self._pip(["wheel", "--no-deps", "--wheel-dir", str(directory), stage], f"build {tree.root}")

            # By the copy, which is what is built: the tree itself may change meanwhile.
            key = replace(tree, root=Path(stage)).digest()
            return self._only_wheel(self._entry("built", key, build))

    def needed_by(self, wheel: Wheel, platform: NodePlatform) -> list[Path]:
        """The wheels that a wheel needs on a platform, beyond what is installed there. Raises DeploymentError.

        What is installed stays as it is, since Ray itself runs with it: a project that needs another version of it
        is refused here, rather than breaking Ray on the node. While its requirements are the same, so is the answer.
        """
        key = hashlib.sha256(f"{wheel.name}{wheel.requires}{platform}{self._offered()}".encode()).hexdigest()

        def fetch(directory: Path) -> None:
            installed = dict(platform.installed)
            with tempfile.TemporaryDirectory(prefix="sage-resolve-") as scratch:
                fixed = Path(scratch) / "constraints.txt"
                fixed.write_text(
                    "".join(
                        f"{one}=={version}\n"
                        for one, version in installed.items()
                        if one != normal(wheel.name) and _VERSION.fullmatch(version)
                    )
                )
                report = Path(scratch) / "report.json"
                options = ["--target", f"{scratch}/none", "--constraint", str(fixed), *platform.pip_options()]
                self._pip(
                    ["install", "--dry-run", "--report", str(report), *options, str(wheel.path)],
                    f"resolve what {wheel.path.name} needs",
                )
                chosen = json.loads(report.read_text("utf-8"))["install"]
                lacking = [
                    _pinned(one)
                    for one in chosen
                    if normal(one["metadata"]["name"]) not in (normal(wheel.name), *installed)
                ]
                if lacking:
                    # What is fetched is, byte for byte, what was chosen: an index may change its mind between the two.
                    pins = Path(scratch) / "pins.txt"
                    pins.write_text("".join(f"{one}\n" for one in lacking), encoding="utf-8")
                    wanted = ["download", "--no-deps", "--require-hashes", "--dest", str(directory), "-r", str(pins)]
                    names = ", ".join(one.split()[0] for one in lacking)
                    self._pip([*wanted, *platform.pip_options()], f"fetch {names}")

        return sorted(self._entry("needed", key, fetch).glob("*.whl"))

    def _entry(self, kind: str, key: str, make: Callable[[Path], None]) -> Path:
        """A directory of the cache; it appears only when it is complete."""
        place = self._directory / kind / key[:32]
        if place.is_dir():
            os.utime(place)
            return place
        place.parent.mkdir(parents=True, exist_ok=True)
        half = Path(tempfile.mkdtemp(prefix=".half-", dir=place.parent))
        try:
            make(half)
            if not place.is_dir():  # another process may have made it meanwhile
                half.rename(place)
        finally:
            shutil.rmtree(half, ignore_errors=True)
        entries = sorted(place.parent.glob("[!.]*"), key=lambda one: one.stat().st_mtime)
        for old in entries[:-KEPT_ENTRIES]:
            shutil.rmtree(old, ignore_errors=True)
        return place

    def _only_wheel(self, directory: Path) -> Path:
        wheels = list(directory.glob("*.whl"))
        if len(wheels) != 1:
            raise DeploymentError(
                f"one wheel was to be built, there are {len(wheels)}",
                where=str(directory),
                fix="delete this directory of the cache, then try again",
            )
        return wheels[0]

    def _offered(self) -> str:
        """The wheels on offer, by name, size and time of change: with others the answer may be another one."""
        if not self._wheels:
            return ""
        found = sorted((one.name, one.stat()) for one in self._wheels.glob("*.whl"))
        return " ".join(f"{name}:{stat.st_size}:{stat.st_mtime_ns}" for name, stat in found)

    def _pip(self, arguments: Sequence[str], doing: str) -> None:
        argv = [sys.executable, "-m", "pip", "--no-input", "--disable-pip-version-check", *arguments]
        environ = dict(os.environ)
        if self._wheels:
            # By the environment, so that it holds for the isolated environment of a build as well.
            environ |= {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(self._wheels)}
        try:
            done = subprocess.run(
                argv, env=environ, capture_output=True, text=True, timeout=PIP_SECONDS, check=False, cwd="/"
            )
        except subprocess.TimeoutExpired as error:
            raise DeploymentError(f"pip did not {doing} within {PIP_SECONDS:g} s", fix="try again later") from error
        if done.returncode:
            said = "\n".join((done.stdout + done.stderr).strip().splitlines()[-_SAID_LINES:])
            raise DeploymentError(
                f"pip could not {doing}:\n{said}",
                where=str(self._wheels or "pip's package index"),
                fix="put the wheels that lack into a directory and name it in deploy.wheels, or correct the project",
            )


def _pinned(chosen: Mapping[str, Any]) -> str:
    """An entry of pip's report as a line of a requirements file that only this very file meets."""
    name, version = chosen["metadata"]["name"], chosen["metadata"]["version"]
    archive = chosen["download_info"].get("archive_info", {})
    hashes = archive.get("hashes") or dict([archive["hash"].split("=", 1)] if archive.get("hash") else [])
    if "sha256" not in hashes:
        raise DeploymentError(
            f"pip names no SHA-256 for {name} {version}, so what it fetches cannot be checked",
            where=str(chosen["download_info"].get("url", "pip's package index")),
            fix="put its wheel into a directory and name that in deploy.wheels",
        )
    return f"{name}=={version} --hash=sha256:{hashes['sha256']}"
