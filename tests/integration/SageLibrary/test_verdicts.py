"""The four verdicts, each brought about on real nodes, and residue by who left it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from robot.rebot import rebot
from robot.result import Result

pytestmark = pytest.mark.lab

SUITE = f"""*** Settings ***
Resource    {Path(__file__).parents[3]}/resources/cluster.resource
Suite Setup    Bring The Lab Up
Suite Teardown    Leave The Lab

*** Test Cases ***
Passes
    Run On Node    head    true

Fails
    Node Should Be    worker-1    running

The Lab Broke
    Cut The Power    worker-1
    Run On Node    worker-1    true
    [Teardown]    Restore The Power    worker-1

The Fault Did Not Take Effect
    [Documentation]    There is no raylet that could be killed.
    Inject Fault    raylet killed    worker-1

Leaves A Table
    Run On Node    head    nft add table inet leftover

Leaves A Fault
    Inject Fault    isolated    worker-1

Is Not Harmed By Those Before
    Run On Node    head    nft delete table inet leftover
    ${{tables}}=    Run On Node    worker-1    nft list tables
    Should Not Contain    ${{tables}}    sage_fault
"""
VERDICTS = {
    "Passes": ("passed", 0),
    "Fails": ("failed", 1),
    "The Lab Broke": ("infra", 3),
    "The Fault Did Not Take Effect": ("inconclusive", 4),
    "Leaves A Fault": ("failed", 1),
    "Leaves A Table": ("inconclusive", 4),
}


def test_each_verdict_and_what_residue_does(run_robot: Callable[..., Result], tmp_path: Path) -> None:
    suite = tmp_path / "verdicts.robot"
    suite.write_text(SUITE)
    tests = {test.name: test for test in run_robot(str(suite)).suite.all_tests}
    recorded = json.loads((tmp_path / "recordings.json").read_text())["results"]
    outcomes = {test["name"]: test["outcome"] for test in recorded}
    page = (tmp_path / "run.html").read_text()
    for name, (verdict, status) in VERDICTS.items():
        assert outcomes[name] == verdict, tests[name].message
        assert f'<b class="{verdict}">{verdict}</b>' in page
        assert verdict_command(tmp_path, name) == (verdict.upper(), status)
    assert set(tests["The Lab Broke"].tags) == {"verdict-infra"}
    assert set(tests["The Fault Did Not Take Effect"].tags) == {"verdict-inconclusive"}
    assert not tests["Fails"].tags
    assert "head: nftables table left: leftover" in tests["Leaves A Table"].message
    assert "worker-1: 'isolated' was not healed" in tests["Leaves A Fault"].message
    assert tests["Is Not Harmed By Those Before"].passed, tests["Is Not Harmed By Those Before"].message


def verdict_command(directory: Path, test: str) -> tuple[str, int]:
    """What the command says of this test alone, and its exit status."""
    alone = directory / "alone.xml"
    with (directory / "rebot.txt").open("w") as console:
        rebot(str(directory / "output.xml"), test=test, output=str(alone), log=None, report=None, stdout=console)
    done = subprocess.run(
        [sys.executable, "-m", "SageLibrary.report", str(alone)], capture_output=True, text=True, check=False
    )
    return done.stdout.split(": ")[1], done.returncode
