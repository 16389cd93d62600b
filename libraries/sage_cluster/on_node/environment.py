"""Where Ray lies on this node: conda environment, virtual environment or plain path; found, checked, activated.

Reference for the layout: https://docs.conda.io/projects/conda/en/stable/user-guide/tasks/manage-environments.html
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from sage_cluster.on_node.errors import CannotError

CONDA_PREFIXES = (
    "~/miniconda3",
    "~/miniforge3",
    "~/mambaforge",
    "~/anaconda3",
    "/opt/conda",
    "/opt/miniconda3",
    "/opt/miniforge3",
    "/opt/anaconda3",
)
ACTIVATE = '. "$0" && conda activate "$1" && shift && exec "$@"'


class EnvironmentNotFoundError(CannotError):
    """Ray's environment is not on this node; the message says where it was looked for."""


@dataclass(frozen=True)
class RayEnvironment:
    """How to run Ray here: ``ray`` and ``python`` are paths, ``activate`` is put before a command's words."""

    ray: str
    python: str
    activate: tuple[str, ...]
    environ: dict[str, str]


def find_environment(ray_command: str, python_path: str, conda_env: str) -> RayEnvironment:
    """Find Ray by what the configuration names; an empty string means "not configured".

    A conda environment is activated when one is named; an explicit ``ray_command`` still says which Ray is run.
    Raises EnvironmentNotFoundError.
    """
    if conda_env:
        return _conda(ray_command, conda_env)
    python = _executable(python_path) if python_path else None
    if ray_command:
        ray = _executable(ray_command)
    elif python:
        ray = _executable(str(python.parent / "ray"))
    else:
        found = shutil.which("ray")
        if not found:
            raise EnvironmentNotFoundError(
                "no 'ray' on the PATH and neither ray_command, python_path nor conda_env is configured"
            )
        ray = Path(found)
    return _in_directory(ray, python or ray.parent / "python")


def conda_prefix() -> Path:
    """The root of this node's conda installation. Raises EnvironmentNotFoundError."""
    candidates = [Path(prefix).expanduser() for prefix in CONDA_PREFIXES]
    if os.environ.get("CONDA_EXE"):
        candidates.insert(0, Path(os.environ["CONDA_EXE"]).parent.parent)
    for candidate in candidates:
        if (candidate / "etc/profile.d/conda.sh").is_file():
            return candidate
    looked = ", ".join(str(c) for c in candidates)
    raise EnvironmentNotFoundError(f"conda is not installed here (looked in {looked})")


def _conda(ray_command: str, name: str) -> RayEnvironment:
    prefix = conda_prefix()
    home = Path(name).expanduser() if "/" in name else prefix / "envs" / name
    if name == "base":
        home = prefix
    if not (home / "bin").is_dir():
        known = ", ".join(sorted(p.name for p in (prefix / "envs").glob("*"))) or "none"
        raise EnvironmentNotFoundError(f"conda environment '{name}' is not in {prefix} (there are: {known})")
    ray = str(_executable(ray_command or str(home / "bin/ray")))
    script = str(prefix / "etc/profile.d/conda.sh")
    return RayEnvironment(
        ray, str(home / "bin/python"), ("bash", "-c", ACTIVATE, script, name), {"CONDA_PREFIX": str(home)}
    )


def _in_directory(ray: Path, python: Path) -> RayEnvironment:
    environ = {"PATH": f"{ray.parent}:{os.environ.get('PATH', os.defpath)}"}
    if (ray.parent.parent / "pyvenv.cfg").is_file():
        environ["VIRTUAL_ENV"] = str(ray.parent.parent)
    return RayEnvironment(str(ray), str(python), (), environ)


def _executable(path: str) -> Path:
    found = shutil.which(str(Path(path).expanduser()))
    if not found:
        raise EnvironmentNotFoundError(f"'{path}' is not an executable file on this node")
    return Path(found).absolute()
