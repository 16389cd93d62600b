"""Finding Ray on a node: explicit command, interpreter's neighbour, PATH, virtual and conda environments."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from sage_cluster.on_node import environment
from sage_cluster.on_node.environment import EnvironmentNotFoundError, conda_prefix, find_environment
from tests.support.programs import make_program

# A stand-in for conda's own script: activating a name exports what conda would.
CONDA_SH = """
conda() {
    [ "$1" = activate ] || return 9
    case $2 in
        */*) CONDA_PREFIX=$2 ;;
        base) CONDA_PREFIX=@PREFIX@ ;;
        *) CONDA_PREFIX=@PREFIX@/envs/$2 ;;
    esac
    export CONDA_PREFIX CONDA_DEFAULT_ENV="$2" PATH="$CONDA_PREFIX/bin:$PATH" ACTIVATED=yes
}
"""


@pytest.fixture
def conda(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    prefix = tmp_path / "my conda"
    (prefix / "etc/profile.d").mkdir(parents=True)
    (prefix / "etc/profile.d/conda.sh").write_text(CONDA_SH.replace("@PREFIX@", f"'{prefix}'"))
    for name in ("sage", "other"):
        make_program(prefix / "envs" / name / "bin/ray")
        make_program(prefix / "envs" / name / "bin/python")
    make_program(prefix / "bin/conda")
    monkeypatch.setenv("CONDA_EXE", str(prefix / "bin/conda"))
    return prefix


@pytest.fixture
def no_conda(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("CONDA_EXE", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(environment, "CONDA_PREFIXES", ("~/miniconda3", f"{tmp_path}/opt/conda"))


def test_an_explicit_command_wins_over_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    explicit = make_program(tmp_path / "mine/bin/ray")
    monkeypatch.setenv("PATH", str(make_program(tmp_path / "path/ray").parent))
    found = find_environment(str(explicit), "", "")
    assert (found.ray, found.python, found.activate) == (str(explicit), str(tmp_path / "mine/bin/python"), ())
    assert found.environ["PATH"] == f"{explicit.parent}:{tmp_path}/path"


def test_a_command_without_a_directory_is_sought_on_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ray = make_program(tmp_path / "bin/ray")
    monkeypatch.setenv("PATH", str(ray.parent))
    assert find_environment("ray", "", "").ray == str(ray)


def test_a_tilde_is_the_nodes_own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    ray = make_program(tmp_path / "env/bin/ray")
    assert find_environment("~/env/bin/ray", "", "").ray == str(ray)


def test_an_explicit_command_of_another_name_is_the_one_that_is_run(tmp_path: Path) -> None:
    explicit = make_program(tmp_path / "bin/ray-2.60")
    make_program(tmp_path / "bin/ray")
    assert find_environment(str(explicit), "", "").ray == str(explicit)


def test_the_interpreters_neighbour_is_taken(tmp_path: Path) -> None:
    python = make_program(tmp_path / "bin/python")
    ray = make_program(tmp_path / "bin/ray")
    found = find_environment("", str(python), "")
    assert (found.ray, found.python) == (str(ray), str(python))


def test_without_configuration_the_path_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ray = make_program(tmp_path / "bin/ray")
    monkeypatch.setenv("PATH", f"{tmp_path}/nothing:{ray.parent}")
    assert find_environment("", "", "").ray == str(ray)


@pytest.mark.parametrize("is_venv", [True, False])
def test_a_virtual_environment_is_announced(tmp_path: Path, is_venv: bool) -> None:
    ray = make_program(tmp_path / "venv/bin/ray")
    if is_venv:
        (tmp_path / "venv/pyvenv.cfg").touch()
    expected = str(tmp_path / "venv") if is_venv else None
    assert find_environment(str(ray), "", "").environ.get("VIRTUAL_ENV") == expected


@pytest.mark.parametrize("name", ["sage", "path", "base"])
def test_a_conda_environment_is_really_activated(conda: Path, name: str) -> None:
    home = {"sage": conda / "envs/sage", "path": conda / "envs/other", "base": conda}[name]
    make_program(conda / "bin/ray")
    asked = str(home) if name == "path" else name
    found = find_environment("", "", asked)
    assert (found.ray, found.python) == (str(home / "bin/ray"), str(home / "bin/python"))
    show = ["sh", "-c", 'echo "$ACTIVATED|$CONDA_PREFIX|$1|$(command -v ray)"', "sh", "two  words"]
    shown = subprocess.run([*found.activate, *show], capture_output=True, text=True, check=True, timeout=10)
    assert shown.stdout.strip() == f"yes|{home}|two  words|{home}/bin/ray"
    assert found.environ["CONDA_PREFIX"] == str(home)


def test_in_a_conda_environment_an_explicit_command_is_still_the_one(conda: Path, tmp_path: Path) -> None:
    explicit = make_program(tmp_path / "elsewhere/ray")
    found = find_environment(str(explicit), "", "sage")
    assert found.ray == str(explicit)
    assert found.activate[0] == "bash"


def test_a_failed_activation_runs_nothing(conda: Path) -> None:
    (conda / "etc/profile.d/conda.sh").write_text("conda() { echo no such environment >&2; return 1; }\n")
    found = find_environment("", "", "sage")
    ran = subprocess.run([*found.activate, "echo", "ran"], capture_output=True, text=True, check=False, timeout=10)
    assert (ran.returncode, ran.stdout, ran.stderr) == (1, "", "no such environment\n")


def test_conda_is_found_under_its_usual_prefixes(no_conda: None, tmp_path: Path) -> None:
    (tmp_path / "miniconda3/etc/profile.d").mkdir(parents=True)
    (tmp_path / "miniconda3/etc/profile.d/conda.sh").touch()
    assert conda_prefix() == tmp_path / "miniconda3"


def test_without_conda_the_error_says_where_it_was_looked_for(no_conda: None, tmp_path: Path) -> None:
    with pytest.raises(EnvironmentNotFoundError, match="conda is not installed here") as caught:
        find_environment("", "", "sage")
    assert f"{tmp_path}/miniconda3, {tmp_path}/opt/conda" in str(caught.value)


def test_a_missing_conda_environment_is_told_with_those_there_are(conda: Path) -> None:
    with pytest.raises(EnvironmentNotFoundError) as caught:
        find_environment("", "", "missing")
    assert str(caught.value) == f"conda environment 'missing' is not in {conda} (there are: other, sage)"


def test_a_conda_environment_without_ray_is_told_with_the_path(conda: Path) -> None:
    (conda / "envs/sage/bin/ray").unlink()
    with pytest.raises(EnvironmentNotFoundError, match=f"'{conda}/envs/sage/bin/ray' is not an executable"):
        find_environment("", "", "sage")


@pytest.mark.parametrize("configured", ["ray_command", "python_path"])
def test_a_configured_program_that_is_not_there_is_named(tmp_path: Path, configured: str) -> None:
    missing = str(tmp_path / "bin/program")
    arguments = (missing, "") if configured == "ray_command" else ("", missing)
    with pytest.raises(EnvironmentNotFoundError, match=f"'{missing}' is not an executable file on this node"):
        find_environment(*arguments, "")


def test_a_file_that_may_not_be_run_is_no_ray(tmp_path: Path) -> None:
    make_program(tmp_path / "ray").chmod(0o644)
    with pytest.raises(EnvironmentNotFoundError, match="not an executable file"):
        find_environment(str(tmp_path / "ray"), "", "")


def test_nothing_configured_and_no_ray_on_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(
        EnvironmentNotFoundError, match=r"no 'ray' on the PATH .* ray_command, python_path nor conda_env"
    ):
        find_environment("", "", "")
