"""What KEEP_LAB may say, and which commands a person gets for a lab that stays."""

from __future__ import annotations

import subprocess

import pytest

from SageLibrary import keep_lab

NODES = ["head", "worker-1", "worker-11"]


@pytest.mark.parametrize(
    ("said", "always", "on_fail"),
    [("1", True, False), ("yes", True, False), ("on-fail", False, True), ("", False, False), ("0", False, False)],
)
def test_what_it_may_say(monkeypatch: pytest.MonkeyPatch, said: str, always: bool, on_fail: bool) -> None:
    monkeypatch.setenv("KEEP_LAB", said)
    keep_lab.check()
    assert (keep_lab.always(), keep_lab.on_fail()) == (always, on_fail)


def test_what_it_may_not_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEEP_LAB", "onfail")
    with pytest.raises(ValueError, match=r"KEEP_LAB was 'onfail', should be 1 .* or on-fail"):
        keep_lab.check()


@pytest.mark.parametrize(
    ("failures", "states", "nodes"),
    [
        (["the state of worker-1 was 'lost'"], {"head": "lost"}, ["worker-1"]),
        (["worker-11: no answer", "head: none"], {}, ["head", "worker-11"]),
        (["1 was 2"], {"head": "running", "worker-1": "lost"}, ["worker-1"]),
        (["1 was 2"], {"head": "running"}, NODES),
    ],
)
def test_the_nodes_that_are_worth_a_look(failures: list[str], states: dict[str, str], nodes: list[str]) -> None:
    assert keep_lab.worth_a_look(failures, NODES, states) == nodes


def test_the_commands_are_for_any_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAGE_LAB_HOME", "/a b")
    told = keep_lab.how_to_look("lab-x", ["head"])
    assert "sage-lab ssh --name lab-x head" in told
    line = told.splitlines()[1].replace("sage-lab", "printenv SAGE_LAB_HOME #")
    assert subprocess.run(line, shell=True, capture_output=True, text=True, check=True).stdout == "/a b\n"
