"""A node's login shell and its scripts: whatever they are, the program is run as it was sent."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from sage_cluster.nodes.answers import find_answer
from sage_cluster.nodes.program import command_line
from sage_cluster.on_node.logs import read_log
from tests.support.sessions import SESSION, make_session

STARTUP_FILES = {
    "sh": ("rc", "ENV"),
    "bash": ("rc", "BASH_ENV"),  # what sshd's bash reads as ~/.bashrc
    "zsh": (".zshenv", "ZDOTDIR"),
    "tcsh": (".tcshrc", "HOME"),
    "fish": ("fish/config.fish", "XDG_CONFIG_HOME"),
}
SHELLS = list(STARTUP_FILES)
NASTY = "it's $HOME `id` \\ \\\\ \\' \"quoted\" !! !x %d ~ * é"


def login(shell: str, home: Path, script: str, words: list[str]) -> subprocess.CompletedProcess[str]:
    """As sshd runs a command: by the user's shell, which reads its script first."""
    path = shutil.which(shell)
    if not path:
        pytest.skip(f"no {shell} on this machine: apt-get install {shell}")
    file, variable = STARTUP_FILES[shell]
    (home / file).parent.mkdir(parents=True, exist_ok=True)
    (home / file).write_text(script)
    value = str(home / file if variable.endswith("ENV") else home)
    return subprocess.run(
        [path, "-c", shlex.join(words)],
        env={"PATH": os.environ["PATH"], "HOME": str(home), variable: value},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def question(tmp_path: Path) -> list[str]:
    directory = tmp_path / NASTY
    make_session(directory, SESSION, "it ran\n")
    spec = {"temp_dir": str(directory), "log_dir": "/none", "log": "raylet.out", "lines": 5}
    return command_line(sys.executable, read_log, spec, "00ff")


@pytest.mark.parametrize("shell", SHELLS)
def test_every_shell_runs_the_same_program_on_the_same_specification(tmp_path: Path, shell: str) -> None:
    done = login(shell, tmp_path / "home", "", question(tmp_path))
    said = find_answer(done.stdout, "00ff")
    assert said, done.stderr
    assert json.loads(said)["path"] == f"{tmp_path}/{NASTY}/{SESSION}/logs/raylet.out"


@pytest.mark.parametrize("shell", ["bash", "zsh", "tcsh", "fish"])
@pytest.mark.parametrize("script", ["echo '{ welcome }'", "printf 'no line end'", "cat > /dev/null", "sleep 1"])
def test_what_a_login_script_prints_or_reads_does_no_harm(tmp_path: Path, shell: str, script: str) -> None:
    done = login(shell, tmp_path / "home", f"{script}\n", question(tmp_path))
    said = find_answer(done.stdout, "00ff")
    assert said, done.stderr
    assert json.loads(said)["text"] == "it ran"


def test_a_command_is_one_line_of_printable_ascii(tmp_path: Path) -> None:
    line = shlex.join(question(tmp_path))
    assert line.isascii()
    assert line.isprintable()
    assert len(line) < 128 * 1024  # the longest argument that Linux takes, execve(2)
