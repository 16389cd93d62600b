"""The commands for faults: usage, and what needs no lab."""

import json

import pytest
from click.testing import CliRunner

from sage_lab.cli.main import commands
from sage_lab.faults import catalogue


@pytest.mark.parametrize("command", ["list", "inject", "active", "heal", "matrix"])
def test_each_command_explains_itself_with_examples(command: str) -> None:
    result = CliRunner().invoke(commands, ["faults", command, "--help"])
    assert result.exit_code == 0
    assert f"sage-lab faults {command}" in result.output.partition("Examples:")[2]


def test_the_list_needs_no_lab_and_has_every_fault() -> None:
    result = CliRunner().invoke(commands, ["faults", "list", "--json"])
    assert [entry["name"] for entry in json.loads(result.output)] == [kind.name for kind in catalogue()]
    table = CliRunner().invoke(commands, ["faults", "list"]).output
    assert all(kind.does in table for kind in catalogue())


def test_a_fault_without_a_node_is_a_wrong_usage() -> None:
    assert CliRunner().invoke(commands, ["faults", "inject", "frozen"]).exit_code == 2
