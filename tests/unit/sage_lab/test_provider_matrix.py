"""Which faults each kind of lab can have, told without any lab."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from sage_lab.cli.main import commands
from sage_lab.faults import Family, FaultKind, catalogue
from sage_lab.providers.registry import PROVIDERS


@pytest.fixture
def matrix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, dict[str, dict[str, object]]]:
    monkeypatch.setenv("SAGE_LAB_HOME", str(tmp_path))
    said = CliRunner().invoke(commands, ["faults", "matrix", "--json"])
    assert said.exit_code == 0, said.output
    answer: dict[str, dict[str, dict[str, object]]] = json.loads(said.output)
    return answer


def test_every_fault_has_an_answer_for_every_kind_of_lab_and_no_without_a_reason(
    matrix: dict[str, dict[str, dict[str, object]]],
) -> None:
    assert set(matrix) == {kind.name for kind in catalogue()}
    for of_lab in matrix.values():
        assert set(of_lab) == set(PROVIDERS)
        assert all(bool(one["supported"]) != bool(one["reason"]) for one in of_lab.values())


def test_existing_machines_cannot_have_what_needs_the_hypervisor_and_say_so(
    matrix: dict[str, dict[str, dict[str, object]]],
) -> None:
    for fault in (FaultKind.POWER_CUT, FaultKind.REBOOT, FaultKind.FROZEN, FaultKind.UNPLUGGED):
        assert "hypervisor" in str(matrix[fault]["static"]["reason"])
        assert matrix[fault]["vagrant"]["supported"]
        assert matrix[fault]["container"]["supported"]


def test_nobody_loses_the_way_to_an_existing_machine_and_processes_die_everywhere(
    matrix: dict[str, dict[str, dict[str, object]]],
) -> None:
    ssh = [kind.name for kind in catalogue() if kind.family is Family.SSH]
    assert len(ssh) > 3
    assert not any(matrix[name]["static"]["supported"] for name in ssh)
    processes = [kind.name for kind in catalogue() if kind.family is Family.PROCESS]
    assert all(one["supported"] for name in processes for one in matrix[name].values())


def test_the_table_has_a_column_for_every_kind_of_lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAGE_LAB_HOME", str(tmp_path))
    said = CliRunner().invoke(commands, ["faults", "matrix"]).output
    assert all(lab in said for lab in PROVIDERS)
    assert "static: it needs the machine's hypervisor" in said
