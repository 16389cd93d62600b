"""Repeated runs: rates, intervals and spreads against numbers worked out by hand, and real runs of a small suite."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from click.testing import CliRunner

ROOT = Path(__file__).parents[3]
STEADY = "*** Test Cases ***\nSteady\n    No Operation\n"
FLAKY = """*** Settings ***
Library    OperatingSystem
*** Test Cases ***
Flaky
    File Should Exist    {marker}    InfraError: no marker
    [Teardown]    Touch    {marker}
Left Out
    Skip    not here
"""


@pytest.fixture
def reliability(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT))
    return importlib.import_module("benchmarks.reliability")


@pytest.fixture
def figures(reliability: ModuleType) -> ModuleType:
    return importlib.import_module("benchmarks.reliability_figures")


def ended(outcome: str, seconds: float = 1.0) -> dict[str, Any]:
    return {"outcome": outcome, "message": f"it {outcome}", "seconds": seconds}


def a_run(number: int, faults: list[dict[str, Any]] | None = None, **tests: dict[str, Any]) -> dict[str, Any]:
    return {"run": number, "tests": tests, "faults": faults or [], "measures": {}, "error": ""}


def a_fault(noticed: float | None, repaired: float | None, took_effect: bool = True) -> dict[str, Any]:
    times = {"noticed": noticed, "ray_noticed": None, "repaired": repaired}
    return {"kind": "isolated", "targets": ["w1"], "took_effect": took_effect, **times}


@pytest.mark.parametrize(
    ("passed", "ran", "low", "high"),
    [(0, 0, 0, 1), (10, 10, 0.7225, 1), (0, 10, 0, 0.2775), (9, 10, 0.5958, 0.9821), (198, 200, 0.9643, 0.9972)],
)
def test_wilsons_interval(figures: ModuleType, passed: int, ran: int, low: float, high: float) -> None:
    assert figures.wilson(passed, ran) == pytest.approx((low, high), abs=1e-4)


def test_the_spread_of_values(figures: ModuleType) -> None:
    spread = figures.spread([float(n) for n in range(20, 0, -1)] + [None])
    assert spread == {"count": 20, "missing": 1, "min": 1, "median": 10.5, "p95": 19, "max": 20}
    assert figures.spread([None])["median"] is None


def test_all_runs_together(figures: ModuleType) -> None:
    runs = [
        a_run(1, [a_fault(1, 10), a_fault(9, 99, took_effect=False)], A=ended("passed"), B=ended("passed", 2)),
        a_run(2, [a_fault(3, None)], A=ended("passed"), B=ended("failed", 4), C=ended("skipped")),
        a_run(3, D=ended("inconclusive"), A=ended("passed"), B=ended("passed", 3)),
    ]
    result = figures.assess(runs)
    assert (result["test_runs"], result["passed"], result["skipped"]) == (7, 5, 1)
    assert result["pass_rate"] == pytest.approx(5 / 7)
    assert result["flaky"] == ["B"]
    assert {name: [test["run"] for test in tests] for name, tests in result["failed"].items()} == {"B": [2], "D": [3]}
    assert result["test_seconds"]["B"] == {"count": 3, "missing": 0, "min": 2, "median": 3, "p95": 4, "max": 4}
    assert result["noticed"]["isolated"]["median"] == 2
    assert (result["repaired"]["isolated"]["max"], result["repaired"]["isolated"]["missing"]) == (10, 1)


@pytest.fixture
def suites(tmp_path: Path, reliability: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of two suites; one of its tests fails in the first run and passes ever after."""
    (tmp_path / "robot").mkdir()
    (tmp_path / "robot" / "steady.robot").write_text(STEADY)
    (tmp_path / "robot" / "flaky.robot").write_text(FLAKY.format(marker=tmp_path / "marker"))
    monkeypatch.setattr(reliability, "ROOT", tmp_path)
    monkeypatch.delenv("ROBOT_OPTIONS", raising=False)
    return tmp_path


def test_a_flaky_test_is_named_and_ends_with_status_1(suites: Path, reliability: ModuleType) -> None:
    output = suites / "results" / "reliability.json"
    (suites / "results" / "reliability" / "run-99").mkdir(parents=True)
    keep = suites / "results" / "reliability" / "keep.txt"
    keep.write_text("not a run")
    arguments = ["--runs", "2", "--suites", "steady,flaky", "--output", str(output)]
    done = CliRunner().invoke(reliability.main, arguments)
    assert done.exit_code == 1, done.output
    assert "pass rate 75.00% (3 of 4 test runs in 2 runs)" in done.output
    assert "flaky: Steady & Flaky.Flaky.Flaky: not passed in 1 of 2 runs" in done.output
    assert "run 1, infra: InfraError: no marker" in done.output
    results = json.loads(output.read_text())
    assert results["skipped"] == 2
    assert [run["run"] for run in results["each_run"]] == [1, 2]
    assert sorted(path.name for path in output.with_suffix("").iterdir()) == ["keep.txt", "run-01", "run-02"]


def test_runs_that_all_pass_end_with_status_0(suites: Path, reliability: ModuleType) -> None:
    output = suites / "all.json"
    done = CliRunner().invoke(reliability.main, ["--runs", "1", "--suites", "steady", "--output", str(output)])
    assert done.exit_code == 0, done.output
    assert "pass rate 100.00%" in done.output


def test_a_suite_that_is_not_there_is_named_with_those_that_are(suites: Path, reliability: ModuleType) -> None:
    done = CliRunner().invoke(reliability.main, ["--suites", "steady,nonesuch"])
    assert done.exit_code == 2
    assert "--suites nonesuch: there are flaky, steady" in done.output


def test_a_run_without_a_result_is_broken(tmp_path: Path, reliability: ModuleType, figures: ModuleType) -> None:
    run = reliability.read_run(3, tmp_path / "nothing")
    assert "it left no result" in run["error"]
    assert figures.assess([run])["broken_runs"] == {"3": run["error"]}


def test_faults_come_from_the_recordings_of_a_run(suites: Path, reliability: ModuleType) -> None:
    directory = suites / "run-01"
    run = reliability.run_once(1, [str(suites / "robot" / "steady.robot")], directory)
    assert (run["faults"], run["error"]) == ([], "")
    (directory / "recordings.json").write_text(
        json.dumps({"measures": {"x": [1.0]}, "results": [{"faults": [a_fault(1, 2)]}, {"faults": []}]})
    )
    assert reliability.read_run(1, directory)["faults"] == [a_fault(1, 2)]


def test_the_repair_of_a_raylet_is_measured_in_plain_starts(figures: ModuleType) -> None:
    killed = {**a_fault(0.1, 5.1), "kind": "raylet killed"}
    lost = {**a_fault(0.1, None), "kind": "raylet terminated"}
    two = {**killed, "targets": ["w1", "w2"]}
    run = {**a_run(1, [killed, lost, two, a_fault(1, 2)]), "measures": {"plain ray start": [4.0, 6.0, 5.0]}}
    ratios = figures.repair_ratios([run, a_run(2, [killed])])
    assert (ratios["count"], ratios["missing"], ratios["median"]) == (1, 1, 1.0)


def test_the_document_has_a_line_a_fault_with_rays_own_time(figures: ModuleType) -> None:
    tables = importlib.import_module("benchmarks.reliability_tables")
    noticed = {**a_fault(0.05, 4.0), "kind": "raylet killed", "ray_noticed": 12.5}
    results = figures.assess(
        [a_run(1, [noticed], A=ended("passed")), a_run(2, [a_fault(None, None)], A=ended("failed"))]
    )
    told = tables.markdown(results)
    assert "pass rate 50.00% (1 of 2 test runs in 2 runs)" in told
    assert "- A: not passed in runs 2" in told
    assert "| raylet killed | 1 | 0.05 (0.05 to 0.05) | 0.2 | 12.50 (12.50 to 12.50) | 4.00 (4.00 to 4.00) |" in told
    assert "| isolated | 1 | no alarm | 5 | never | nothing to repair |" in told
