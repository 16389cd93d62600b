"""robocop's rules of our own vocabulary: each fires where it should, and nowhere else."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.support.robot_runs import run_module

ROOT = Path(__file__).parents[2]
SETTINGS = "*** Settings ***\nDocumentation    A suite.\n\nLibrary          SageLibrary\n\n\n*** Test Cases ***\n"
WRONG = {
    "LAB01 'Given' stands after Then": "    Then The Operation Should Succeed\n    Given Stop Workers",
    "LAB01 'Given' stands after When": "    When Stop Workers\n    Given Start Workers",
    "LAB01 'And' stands first": "    And Stop Workers\n    Then The Operation Should Succeed",
    "LAB01 '假定' stands after When": "    当 Stop Workers\n    假定 Start Workers",
    "LAB02 'pkill' is run by hand": "    Run On Node    head    pkill -9 raylet\n    Stop Workers",
    "LAB02 'ray stop' is run by hand": "    When Run On Node    head    ray stop\n    Then Stop Workers",
    "LAB02 'iptables' is run by hand": "    在节点上执行    head    iptables -F\n    Stop Workers",
    "LAB02 'reboot' is run by hand": "    Execute Command    reboot\n    Stop Workers",
    "LAB03 The table of 'A Test'": "    [Template]    Unplug\n    head\n    worker-1",
    "LAB04 'A Test' says 'Given Inject Fault'": "    Given Inject Fault    frozen    head\n    Then Stop Workers",
    "LAB04 'A Test' says '拔掉网线'": "    拔掉网线    worker-1\n    Stop Workers",
    "KW01 Sleep keyword": "    Sleep    5 s\n    Stop Workers",
}
RIGHT = [
    "    Given Start Workers\n    And Stop The Head\n    When Stop Workers\n    Then The Operation Should Succeed\n"
    "    When Start Workers\n    Then The Operation Should Succeed",
    "    Run On Node    head    cat /etc/hostname\n    Stop Workers",
    "    [Template]    Unplug\n    # NODE\n    head\n    worker-1",
    "    [Template]    Unplug\n    head",
    "    Given Inject Fault    frozen    head\n    Then Stop Workers\n    [Teardown]    Heal Every Fault",
]


def check(*words: str) -> subprocess.CompletedProcess[str]:
    """What robocop says with the configuration of this project."""
    configuration = str(ROOT / "pyproject.toml")
    return run_module("robocop", "check", "--no-cache", "--config", configuration, *words, cwd=ROOT)


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What robocop says of each body of a test."""
    directory = tmp_path_factory.mktemp("style")
    bodies = [*WRONG.values(), *RIGHT]
    for number, body in enumerate(bodies):
        (directory / f"suite_{number}.robot").write_text(f"{SETTINGS}A Test\n{body}\n")
    done = check("--issue-format", "{source_abs}: {rule_id} {desc}", str(directory))
    assert done.returncode in {0, 1}, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    return {
        body: "\n".join(line for line in lines if f"suite_{number}.robot:" in line)
        for number, body in enumerate(bodies)
    }


@pytest.mark.parametrize("rule", WRONG)
def test_a_rule_fires(rule: str, said: dict[str, str]) -> None:
    assert rule in said[WRONG[rule]]


@pytest.mark.parametrize("body", RIGHT)
def test_what_is_written_as_it_should_be_passes(body: str, said: dict[str, str]) -> None:
    assert said[body] == ""


def test_a_teardown_of_the_suite_counts(tmp_path: Path) -> None:
    suite = tmp_path / "suite.robot"
    settings = SETTINGS.replace("\n\n\n***", "\n\nTest Teardown    Heal Every Fault\n\n\n***")
    suite.write_text(f"{settings}A Test\n    Inject Fault    frozen    head\n    Stop Workers\n")
    done = check(str(suite))
    assert "LAB04" not in done.stdout
