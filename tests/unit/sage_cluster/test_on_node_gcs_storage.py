"""The GCS's tables on disk: kept for a recovery, forgotten otherwise, refused where Ray does not know them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sage_cluster.on_node.environment import RayEnvironment
from sage_cluster.on_node.gcs_storage import (
    DIRECTORY,
    StorageNotSupportedError,
    remove_storage,
    storage_environ,
)
from sage_cluster.on_node.sessions import session_processes
from sage_cluster.on_node.start import start
from sage_cluster.on_node.stop import force_stop, stop
from tests.support.programs import make_program
from tests.support.ray_program import fake_ray, head_spec


@pytest.fixture
def temp_dir(tmp_path: Path) -> Iterator[Path]:
    directory = tmp_path / "ray"
    (directory / DIRECTORY).mkdir(parents=True)
    (directory / DIRECTORY / "session_name").write_text("old")
    yield directory
    force_stop(str(directory))


def ray_that_says(tmp_path: Path, answer: str) -> str:
    make_program(tmp_path / "bin/python", f"#!/bin/sh\n{answer}\n")
    return fake_ray(tmp_path, "raylet; gcs")


def test_the_ray_of_this_project_can_keep_the_tables() -> None:
    assert storage_environ("/tmp/ray", RayEnvironment("ray", sys.executable, (), {})) == {
        "RAY_gcs_storage": "rocksdb",
        "RAY_gcs_storage_path": f"/tmp/ray/{DIRECTORY}",
    }


@pytest.mark.parametrize(("recover", "left"), [(False, False), (True, True)])
@pytest.mark.parametrize("keep", [False, True])
def test_only_a_recovery_begins_with_old_tables(
    tmp_path: Path, temp_dir: Path, recover: bool, left: bool, keep: bool
) -> None:
    ray = ray_that_says(tmp_path, "echo 2.60.0 True")
    start(head_spec(temp_dir, ray, recover=recover, gcs_storage=keep))
    assert (temp_dir / DIRECTORY).exists() is left
    environ = session_processes(str(temp_dir))[0].environ
    assert (f"RAY_gcs_storage_path={temp_dir}/{DIRECTORY}" in environ) is keep
    assert ("RAY_gcs_storage=rocksdb" in environ) is keep


def test_a_head_that_runs_keeps_its_tables(tmp_path: Path, temp_dir: Path) -> None:
    spec = head_spec(temp_dir, ray_that_says(tmp_path, "echo 2.60.0 True"), recover=True, gcs_storage=True)
    start(spec)
    assert start({**spec, "recover": False})["already_running"]
    assert (temp_dir / DIRECTORY).exists()


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ("echo 2.9.3 False", "which Ray 2.9.3 has not; install"),
        ("echo no ray here >&2; exit 1", "which cannot be found: no ray here; install"),
    ],
)
def test_a_ray_without_such_tables_is_refused_before_anything_is_touched(
    tmp_path: Path, temp_dir: Path, answer: str, message: str
) -> None:
    with pytest.raises(StorageNotSupportedError, match=message) as caught:
        start(head_spec(temp_dir, ray_that_says(tmp_path, answer), gcs_storage=True))
    assert "set recovery.keep_workers to false" in str(caught.value)
    assert (temp_dir / DIRECTORY).exists()
    assert session_processes(str(temp_dir)) == []


def test_a_stop_forgets_the_tables(temp_dir: Path) -> None:
    stop({"temp_dir": str(temp_dir), "grace": 1.0, "log_dir": "", "keep_logs": 5})
    assert not (temp_dir / DIRECTORY).exists()
    assert remove_storage(str(temp_dir)) is False
