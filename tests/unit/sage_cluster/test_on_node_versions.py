"""Which Ray would be run on a node, told by real programs, and what a mismatch says before anything is started."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from sage_cluster.on_node.environment import RayEnvironment
from sage_cluster.on_node.main import answer
from sage_cluster.on_node.start import start
from sage_cluster.on_node.versions import VersionMismatchError, check_versions, ray_versions
from tests.support.programs import make_program
from tests.support.ray_program import fake_ray, worker_spec

HERE = ".".join(map(str, sys.version_info[:3]))


def python(directory: Path, ray: str, version: str = HERE) -> Path:
    """Plays a Python of an environment that has this Ray, in which case ``ray`` is not empty."""
    asked = f'case "$2" in *metadata*) {f"echo {ray}" if ray else "echo no ray >&2; exit 1"} ;; esac'
    return make_program(directory / "python", f"#!/bin/sh\necho {version}\n{asked}\n")


def environment(directory: Path, first_line: str, ray: str, says: str = "9.9.9") -> RayEnvironment:
    own = python(directory, ray)
    program = make_program(directory / "ray", f"#!{first_line or own}\necho 'ray, version {says}'\n")
    return RayEnvironment(str(program), str(own), (), {})


def test_the_python_that_the_program_names_is_asked(tmp_path: Path) -> None:
    assert ray_versions(environment(tmp_path, "", "2.60.0")) == {"ray": "2.60.0", "python": HERE}


def test_a_python_found_by_env_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert ray_versions(environment(tmp_path, "/usr/bin/env python", "2.60.0"))["ray"] == "2.60.0"


def test_a_program_that_names_no_python_is_asked_itself(tmp_path: Path) -> None:
    assert ray_versions(environment(tmp_path, "/bin/sh", "2.60.0", says="2.0.0")) == {"ray": "2.0.0", "python": HERE}


def test_a_program_whose_python_knows_no_ray_is_asked_itself(tmp_path: Path) -> None:
    script = environment(tmp_path, "", "")
    Path(script.python).write_text(f'#!/bin/sh\n[ "$1" = -c ] || exec /bin/sh "$@"\n{_answers(script.python)}')
    assert ray_versions(script) == {"ray": "9.9.9", "python": HERE}


def _answers(program: str) -> str:
    return Path(program).read_text().partition("\n")[2]


def test_a_version_that_nobody_tells_is_refused_with_the_reason(tmp_path: Path) -> None:
    program = make_program(tmp_path / "ray", "#!/bin/sh\necho 'libfoo is missing' >&2; exit 3\n")
    with pytest.raises(VersionMismatchError, match=r"cannot be told: .*/ray --version: libfoo is missing"):
        ray_versions(RayEnvironment(str(program), str(python(tmp_path, "")), (), {}))


@pytest.mark.parametrize(
    ("ray", "python_version"),
    [("2.59.0", HERE), ("2.60.0", "3.11.0"), ("2.60.0", "3.10.7")],
    ids=["ray", "patch", "minor"],
)
def test_another_ray_or_python_than_the_heads_is_refused_with_both(
    ray: str, python_version: str, tmp_path: Path
) -> None:
    spec = {"role": "worker", "head_versions": {"ray": ray, "python": python_version}}
    with pytest.raises(VersionMismatchError) as caught:
        check_versions(spec, environment(tmp_path, "", "2.60.0"))
    assert f"Ray 2.60.0 on Python {HERE} would run here" in str(caught.value)
    assert f"the head has Ray {ray} on Python {python_version}" in str(caught.value)


def test_the_heads_own_program_and_python_have_to_agree(tmp_path: Path) -> None:
    other = python(tmp_path / "other", "2.59.0")
    program = environment(tmp_path / "bin", "", "2.60.0").ray
    both = RayEnvironment(program, str(other), (), {})
    with pytest.raises(VersionMismatchError, match=r"Ray 2\.60\.0 .*/other/python has Ray 2\.59\.0"):
        check_versions({"role": "head", "version_check": True}, both)
    check_versions({"role": "head", "version_check": False}, both)


def test_nothing_runs_and_nothing_is_cleared_where_the_versions_differ(
    tmp_path: Path,
    temp_dir: Path,
    head: Any,
) -> None:
    ray = fake_ray(tmp_path, "raylet")
    text = Path(ray).read_text().replace("#!/bin/bash\n", "#!/bin/bash\n[ $1 = --version ] && echo 2.0.0 && exit\n")
    Path(ray).write_text(text)
    python(tmp_path / "bin", "2.0.0")
    (temp_dir / "session_2026-01-01_00-00-00_000000_1").mkdir(parents=True)
    before = sorted(temp_dir.rglob("*"))
    spec = worker_spec(temp_dir, ray, head.getsockname()[1], head_versions={"ray": "2.60.0", "python": HERE})
    said = answer(start, spec)
    assert said["kind"] == "VersionMismatchError"
    assert "Ray 2.0.0" in said["problem"]
    assert sorted(temp_dir.rglob("*")) == before
    assert not start({**spec, "head_versions": {}})["already_running"]  # so it is the versions that kept it
