"""The commands of the README in surroundings that users have: each works, or says in one line what to do."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
LAB = "t-surroundings"
NOBODY = "65534"
AS_NOBODY = ["setpriv", "--reuid", NOBODY, "--regid", NOBODY, "--clear-groups"]
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
BACKGROUND = ["sh", "-c", "trap '' INT QUIT HUP; exec \"$@\"", "sh"]
"""What a script's & and nohup do to a command."""
SURROUNDINGS = {
    "from cron: no HOME, no TERM, no language, a strict umask, signals ignored": (
        [*BACKGROUND, "sh", "-c", 'umask 077; exec "$@"', "sh"],
        {"PATH": "/usr/bin:/bin"},
    ),
    "behind a proxy, and at home where the path has a space": (
        [],
        {
            "PATH": PATH,
            "HOME": "/tmp/Für Übungen",
            "LANG": "C",
            "http_proxy": "http://127.0.0.1:9",
            "HTTPS_PROXY": "http://127.0.0.1:9",
        },
    ),
}


@pytest.fixture
def copy() -> Iterator[Path]:
    """The project as a user cloned it who is not root; its environment is told to be complete."""
    with tempfile.TemporaryDirectory(prefix="sage-copy-", dir="/tmp") as directory:
        place = Path(directory) / "project"
        shutil.copytree(ROOT, place, ignore=shutil.ignore_patterns(".git", ".venv", "results", ".*_cache"))
        (place / ".venv/bin").mkdir(parents=True)
        digest = hashlib.sha256((place / "pyproject.toml").read_bytes()).hexdigest()
        (place / ".venv/installed").write_text(f"{digest} dev\n")
        subprocess.run(["chown", "--recursive", f"{NOBODY}:{NOBODY}", directory], check=True)
        yield place


def as_nobody(*command: str, cwd: Path, path: str = PATH) -> subprocess.CompletedProcess[str]:
    begin = [*AS_NOBODY, "env", "-i", f"PATH={path}", "HOME=/tmp"]
    return subprocess.run([*begin, *command], cwd=cwd, capture_output=True, text=True, check=False, timeout=120)


@pytest.mark.lab
@pytest.mark.parametrize("surroundings", SURROUNDINGS)
def test_a_cluster_starts_on_a_lab(surroundings: str) -> None:
    begin, environment = SURROUNDINGS[surroundings]
    suite = ["--test", "Cluster Starts From Nothing", "robot/lifecycle.robot"]
    done = subprocess.run(
        [*begin, "provision/controller/acceptance.sh", "surroundings", *suite],
        cwd=ROOT,
        env={**environment, "SAGE_LAB": LAB},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "verdict: PASSED" in done.stdout
    assert "WARN" not in done.stdout + done.stderr


@pytest.mark.parametrize("target", ["lifecycle", "test"])
def test_who_is_not_root_is_told_the_command(copy: Path, target: str) -> None:
    done = as_nobody("make", "--silent", target, cwd=copy)
    assert done.returncode != 0
    assert done.stderr.splitlines()[0] == f"The container lab needs root. Run: sudo make {target}"


def test_missing_packages_are_named_where_sudo_wants_a_password(copy: Path) -> None:
    """The Python environment, which needs no root, is installed all the same."""
    programs = copy / "programs"
    programs.mkdir()
    programs.chmod(0o755)  # whatever the umask
    for directory in PATH.split(":"):
        for program in Path(directory).iterdir():
            if program.name not in {"runc", "sudo"} and not (programs / program.name).is_symlink():
                (programs / program.name).symlink_to(program)
    (programs / "sudo").write_text("#!/bin/sh\necho 'sudo: a password is required' >&2; exit 1\n")
    (programs / "sudo").chmod(0o755)
    install = (copy / "provision/controller/install.sh").read_text().replace(":/usr/sbin:/sbin", "")
    (copy / "provision/controller/install.sh").write_text(install)
    done = as_nobody("provision/controller/install.sh", cwd=copy, path=str(programs))
    assert done.returncode == 0, done.stderr
    assert "  sudo apt-get update && sudo apt-get install --no-install-recommends runc\n" in done.stderr
    assert "password" not in done.stderr


def test_a_checkout_that_cannot_be_written_is_named() -> None:
    script = 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && cd "$0" && exec make --silent lifecycle'
    done = subprocess.run(
        ["unshare", "--mount", "--propagation", "private", "sh", "-c", script, str(ROOT)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode != 0
    assert done.stderr.splitlines()[0].startswith(f"{ROOT} cannot be written, but .venv/ and results/ are made in it")


def test_managing_a_cluster_needs_no_root(tmp_path: Path) -> None:
    """As the user has no way to this environment, it is told to others by what it may read, not by who it is."""
    capabilities = "--inh-caps=-all,+dac_read_search", "--ambient-caps=-all,+dac_read_search"
    home = Path(tempfile.mkdtemp(prefix="sage-home-", dir="/tmp"))
    os.chown(home, int(NOBODY), int(NOBODY))
    try:
        command = str(ROOT / ".venv/bin/sage-cluster")
        done = subprocess.run(
            [*AS_NOBODY, *capabilities, command, "config", "init"],
            env={"PATH": PATH, "HOME": str(home)},
            cwd="/",
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        assert (home / ".sage/config.yaml").stat().st_uid == int(NOBODY)
    finally:
        shutil.rmtree(home)
