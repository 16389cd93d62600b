"""The GCS's tables on disk, by Ray's RocksDB storage: a new GCS that finds them knows the nodes of the one that died.

Ray keeps the session's name beside the tables, so that a head which finds them goes on in the old session.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from sage_cluster.on_node.environment import RayEnvironment
from sage_cluster.on_node.errors import CannotError
from sage_cluster.on_node.sessions import is_own

DIRECTORY = "sage_cluster_gcs_storage"
OPTION = "gcs_storage_path"
ASK_SECONDS = 30.0
ASK_RAY = """
import importlib.metadata, importlib.util, mmap, pathlib, sys
ray = pathlib.Path(importlib.util.find_spec("ray").origin).parent
with open(ray / "core/src/ray/gcs/gcs_server", "rb") as file:
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as program:
        known = program.find(sys.argv[1].encode()) >= 0
print(importlib.metadata.version("ray"), known)
"""


class StorageNotSupportedError(CannotError):
    """Ray on this node cannot keep the GCS's tables on disk; the message names its version."""


def remove_storage(temp_dir: str) -> bool:
    """Forget what the GCS of this user knew. Whether there was anything."""
    directory = Path(temp_dir) / DIRECTORY
    if not is_own(directory) or not directory.is_dir():
        return False
    shutil.rmtree(directory)
    return True


def storage_environ(temp_dir: str, environment: RayEnvironment) -> dict[str, str]:
    """The environment variables by which `ray start --head` keeps its tables. Raises StorageNotSupportedError."""
    _require(environment)
    return {"RAY_gcs_storage": "rocksdb", f"RAY_{OPTION}": str(Path(temp_dir) / DIRECTORY)}


def _require(environment: RayEnvironment) -> None:
    """Look into Ray's GCS program for the option: an unknown one would be passed over in silence."""
    try:
        done = subprocess.run(
            [environment.python, "-c", ASK_RAY, OPTION],
            capture_output=True,
            text=True,
            timeout=ASK_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise StorageNotSupportedError(f"recovery.keep_workers: cannot ask {environment.python}: {error}") from error
    version, _, known = done.stdout.strip().partition(" ")
    if done.returncode or known != "True":
        found = f"Ray {version} has not" if version else f"cannot be found: {done.stderr.strip()[-500:]}"
        raise StorageNotSupportedError(
            f"recovery.keep_workers needs Ray's RocksDB storage of the GCS ({OPTION}), which {found}; "
            f"install a Ray for Linux that has it ({environment.python}), or set recovery.keep_workers to false"
        )
