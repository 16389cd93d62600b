"""A release on this node: laid out from the blobs, tried in a process of its own, and only then the current one."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from sage_cluster.on_node.deploy.environ import DEPLOY
from sage_cluster.on_node.deploy.store import MANIFEST, DeployError, Store
from sage_cluster.on_node.environment import RayEnvironment

if TYPE_CHECKING:
    from sage_cluster.on_node.protocol import Manifest

CONFIG = "config.yaml"
TRIED = "sage-cluster-tried:"
TRY = """
import importlib, json, sys
site, names, entry_points = json.loads(sys.argv[1])
problems = []
def trying(what, work):
    try:
        problem = work()
    except BaseException as error:
        problem = f"{type(error).__name__}: {error}"
    if problem:
        problems.append(f"{what}: {problem}")
def load(name):
    module = importlib.import_module(name)
    places = [getattr(module, "__file__", None) or "", *getattr(module, "__path__", [])]
    if not any(str(place).startswith(site + "/") for place in places):
        return f"it comes from {places}, not from the release"
def resolve(value):
    module, _, attribute = value.partition(":")
    found = importlib.import_module(module.strip())
    for part in filter(None, attribute.strip().split(".")):
        found = getattr(found, part)
for name in names:
    trying(f"import {name}", lambda: load(name))
for value in entry_points:
    trying(f"entry point {value}", lambda: resolve(value))
print({tried!r} + json.dumps(problems))
""".replace("{tried!r}", repr(TRIED))
SCRIPT = """#!{python}
import sys
sys.path.insert(0, {site!r})
from importlib import import_module
target = import_module({module!r})
for part in {attribute!r}.split("."):
    target = getattr(target, part)
sys.exit(target())
"""


def lay_out(store: Store, directory: Path, manifest: Manifest, environment: RayEnvironment) -> None:
    """Make the files of a release: links to the blobs, and the commands of the project."""
    for path, digest, _, executable in manifest["files"]:
        target = directory / inside(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        if executable:
            _copy_program(store.blobs / digest, target, environment.python)
        else:
            os.link(store.blobs / digest, target)
    (directory / "site").mkdir(parents=True, exist_ok=True)
    for name, value in manifest["scripts"].items():
        module, _, attribute = value.partition(":")
        script = directory / "bin" / inside(name)
        script.parent.mkdir(exist_ok=True)
        site = str(directory / "site")
        script.write_text(
            SCRIPT.format(python=environment.python, site=site, module=module.strip(), attribute=attribute.strip())
        )
        script.chmod(0o755)


def is_intact(store: Store, release: str, manifest: Manifest) -> bool:
    """Whether a release is what the manifest says, file by file; the blobs were checked before."""
    if store.manifest(release) != manifest:
        return False
    for path, digest, _, executable in manifest["files"]:
        file = store.releases / release / inside(path)
        if not file.is_file() or not (executable or file.samefile(store.blobs / digest)):
            return False
    return True


def try_out(directory: Path, manifest: Manifest, environment: RayEnvironment, timeout: float) -> None:
    """Import the project and load its entry points, as Ray's workers would. Raises DeployError with what failed."""
    site = str(directory / "site")
    what = json.dumps([site, manifest["imports"], manifest["entry_points"]])
    environ = {**os.environ, **environment.environ, "PYTHONPATH": site}
    try:
        done = subprocess.run(
            [*environment.activate, environment.python, "-c", TRY, what],
            env=environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=timeout,
            cwd="/",
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise DeployError(f"importing {manifest['name']} did not end within {timeout:g} s") from error
    except OSError as error:
        raise DeployError(f"cannot run {environment.python}: {error.strerror}") from error
    said = done.stdout.decode(errors="replace").splitlines()
    answer = next((line for line in reversed(said) if line.startswith(TRIED)), None)
    if answer is None:
        tail = done.stderr.decode(errors="replace").strip()[-2000:]
        raise DeployError(f"importing {manifest['name']} ended with status {done.returncode}: {tail}")
    problems = json.loads(answer.removeprefix(TRIED))
    if problems:
        raise DeployError(f"{manifest['name']} does not work on this node: {'; '.join(problems)}")


def finish(directory: Path, manifest: Manifest) -> None:
    """Mark a release as whole."""
    half = directory / f".{MANIFEST}"
    half.write_text(json.dumps(manifest))
    half.replace(directory / MANIFEST)


def link_configuration(store: Store) -> str:
    """Let ``<sage_home>/config.yaml`` be the current release's; a person's own file is left alone.

    Answers what became of it.
    """
    place = store.root.parent / CONFIG
    target = Path(DEPLOY) / "current" / CONFIG
    if not (store.root.parent / target).is_file():
        return "none was sent"
    if place.is_symlink() and place.readlink() == target:
        return "linked"
    if place.exists() or place.is_symlink():
        return f"{place} is somebody's own and was left alone"
    place.symlink_to(target)
    return "linked"


def remove(directory: Path) -> None:
    """Remove a release that did not come to be."""
    if directory.exists():
        shutil.rmtree(directory)


def inside(path: str) -> PurePosixPath:
    """The path, if it lies inside of a release. Raises DeployError."""
    pure = PurePosixPath(path)
    if pure.is_absolute() or ".." in pure.parts or not pure.parts or pure.parts[0] == MANIFEST:
        raise DeployError(f"the manifest names '{path}', which would lie outside of the release")
    return pure


def _copy_program(blob: Path, target: Path, python: str) -> None:
    """A program of its own, since it has another mode; a script that asks for any Python gets Ray's."""
    data = blob.read_bytes()
    if data.startswith(b"#!python"):
        data = f"#!{python}".encode() + data[data.index(b"\n") :]
    target.write_bytes(data)
    target.chmod(0o755)
