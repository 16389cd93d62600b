"""Two suites at once, each on a lab of its own; the lab of the one that fails stays when that is asked for."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sage_lab import names, sweep

pytestmark = pytest.mark.lab

LAB = "t-side"
RUN_SECONDS = 240
SUITE = """*** Settings ***
Library    SageLibrary
Suite Setup    Bring The Lab Up    1
Suite Teardown    Leave The Lab

*** Test Cases ***
Node Says Its Name
    ${said}=    Run On Node    worker-1    hostname
    Should Be Equal    ${said.strip()}    %s
"""


@pytest.fixture
def labs() -> Iterator[list[str]]:
    both = [f"{LAB}-0", f"{LAB}-1"]
    yield both
    for lab in both:
        sweep(lab)


def test_a_lab_each_and_the_failed_one_stays(labs: list[str], tmp_path: Path) -> None:
    (tmp_path / "good.robot").write_text(SUITE % "worker-1")
    (tmp_path / "bad.robot").write_text(SUITE % "worker-9")
    environment = {**os.environ, "SAGE_LAB": LAB, "KEEP_LAB": "on-fail"}
    for name in ("ROBOT_OPTIONS", "RERUN", "PROCESSES"):
        environment.pop(name, None)
    command = [sys.executable, "-m", "SageLibrary.running.cli", "run", "--processes", "2", "good.robot", "bad.robot"]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=RUN_SECONDS, check=False
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert "1 passed, 1 failed" in done.stdout
    output = (tmp_path / "results" / "output.xml").read_text(encoding="utf-8")
    assert all(f"lab {lab}:" in output for lab in labs)
    kept = [lab for lab in labs if lab in names()]
    assert len(kept) == 1, "the lab of the suite that passed is gone, the other's is there"
    look = re.search(rf"sage-lab ssh (--name {kept[0]} worker-1)$", output, re.MULTILINE)
    assert look, "no command to look into the lab"
    program = str(Path(sys.executable).with_name("sage-lab"))
    inside = subprocess.run(
        [program, "ssh", *look[1].split(), "hostname"], env=environment, capture_output=True, text=True, check=False
    )
    assert inside.stdout == "worker-1\n", inside.stderr
