"""Which Ray and Python would be run here, found without starting Ray; they have to be the same on every node."""

from __future__ import annotations

import os
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from sage_cluster.on_node.environment import RayEnvironment
from sage_cluster.on_node.errors import CannotError

if TYPE_CHECKING:
    from sage_cluster.on_node.protocol import StartSpec, Versions

ASK_SECONDS = 30.0
ASK_PYTHON = "import sys; print('.'.join(map(str, sys.version_info[:3])))"
ASK_BOTH = f"{ASK_PYTHON}; import importlib.metadata; print(importlib.metadata.version('ray'))"


class VersionMismatchError(CannotError):
    """The Ray or the Python of this node is not the head's, or cannot be told, so nothing was started here."""


def check_versions(spec: StartSpec, environment: RayEnvironment) -> None:
    """Compare what would be run here with ``spec["head_versions"]``, or with nothing where there are none.

    On the head itself, where the managers ask Ray by ``python_path``, that Python has to have the same Ray as the
    program `ray`. Raises VersionMismatchError.
    """
    if spec["role"] == "head":
        if spec["version_check"] and Path(environment.python).parent != Path(environment.ray).parent:
            _compare(ray_versions(environment), _ask(environment.python, ASK_BOTH), f"{environment.python} has")
    elif spec["head_versions"]:
        _compare(ray_versions(environment), spec["head_versions"], "the head has")


def ray_versions(environment: RayEnvironment) -> Versions:
    """The versions behind the program `ray`. Raises VersionMismatchError when they cannot be told.

    The Python that the program names in its first line is asked, which is fast. A program that names none, or whose
    Python does not know Ray, is asked itself: that loads Ray and takes a second or more.
    """
    python = _interpreter(environment.ray)
    if python:
        with suppress(VersionMismatchError):  # Ray may be there in a way that its Python knows nothing of
            return _ask(python, ASK_BOTH)
    said = _run([*environment.activate, environment.ray, "--version"], environment.environ).split()
    if not said:
        raise VersionMismatchError(f"'{environment.ray} --version' said nothing")
    return {**_ask(environment.python, ASK_PYTHON), "ray": said[-1]}


def _compare(here: Versions, wanted: Versions, whose: str) -> None:
    if here != wanted:
        raise VersionMismatchError(
            f"Ray {here['ray']} on Python {here['python']} would run here, but {whose} Ray {wanted['ray']} on Python "
            f"{wanted['python']}; nothing was started. Ray joins only nodes that have both alike: install the same, or "
            "let ray_command, python_path or conda_env name the right one"
        )


def _interpreter(program: str) -> str:
    """The Python in the first line of a program; nothing when it names another interpreter or none."""
    with Path(program).open("rb") as file:
        line = file.readline(1000).decode(errors="replace")
    words = line[2:].split() if line.startswith("#!") else []
    if words and Path(words[0]).name == "env":
        words = [shutil.which(words[-1]) or ""]
    return words[0] if words and Path(words[0]).name.startswith("python") else ""


def _ask(python: str, question: str) -> Versions:
    return dict(zip(("python", "ray"), _run([python, "-c", question], {}).split(), strict=False))


def _run(argv: list[str], environ: dict[str, str]) -> str:
    command = " ".join(argv[-2:]) if argv[-1] == "--version" else argv[0]
    try:
        done = subprocess.run(
            argv,
            env={**os.environ, **environ},
            cwd="/",
            capture_output=True,
            text=True,
            timeout=ASK_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise VersionMismatchError(f"the version of Ray cannot be told: {command}: {error}") from error
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise VersionMismatchError(f"the version of Ray cannot be told: {command}: {said}")
    return done.stdout
