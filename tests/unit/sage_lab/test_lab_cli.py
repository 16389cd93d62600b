"""The command line: usage, and errors as text."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from sage_lab.cli.main import commands

COMMANDS = ["up", "status", "ssh", "exec", "down", "sweep", "doctor"]


def sage_lab(*arguments: str, home: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from sage_lab.cli.main import main; main()", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={"SAGE_LAB_HOME": str(home), "SAGE_LAB": "t-cli", "PATH": "/usr/bin:/bin:/usr/sbin"},
    )


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_explains_itself_with_examples(command: str) -> None:
    result = CliRunner().invoke(commands, [command, "--help"])
    assert result.exit_code == 0
    assert f"sage-lab {command}" in result.output.partition("Examples:")[2]


@pytest.mark.parametrize(
    "arguments",
    [
        ["up", "--workers", "-1"],
        ["up", "--workers", "two"],
        ["up", "--topology", "nothing.yaml"],
        ["up", "--topology", __file__, "--workers", "2"],
        ["exec"],
        ["ssh"],
        ["sweep", "--all", "--name", "x"],
        ["doctor", "--workers", "-2"],
        ["fly"],
    ],
    ids=" ".join,
)
def test_wrong_usage_ends_with_2(arguments: list[str]) -> None:
    assert CliRunner().invoke(commands, arguments).exit_code == 2


@pytest.mark.parametrize("command", [["status"], ["ssh", "head"], ["exec", "true"]], ids=" ".join)
def test_without_a_lab_the_error_is_text_and_the_status_1(command: list[str], tmp_path: Path) -> None:
    ended = sage_lab(*command, home=tmp_path)
    assert ended.returncode == 1
    assert "t-cli is not up" in ended.stderr
    assert "-> sage-lab up --name t-cli" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_wrong_topology_is_told_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "lab.yaml").write_text("workers: many\n")
    ended = sage_lab("up", "--topology", str(tmp_path / "lab.yaml"), home=tmp_path / "home")
    assert ended.returncode == 1
    assert f"{tmp_path}/lab.yaml, workers" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_down_and_sweep_of_nothing_are_fine_and_leave_nothing(tmp_path: Path) -> None:
    home = tmp_path / "home"
    for command in ("down", "sweep"):
        ended = sage_lab(command, "--json", home=home)
        assert ended.returncode == 0, ended.stderr
        assert json.loads(ended.stdout) == {"removed": {"t-cli": []}}
    assert json.loads(sage_lab("sweep", "--all", "--json", home=home).stdout) == {"removed": {}}
    assert not home.exists()
