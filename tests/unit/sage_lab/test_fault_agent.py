"""The program that goes to a node: it holds what it needs, and nothing else."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import pytest

from sage_lab import Completed, Lab
from sage_lab.faults import agent, catalogue
from sage_lab.faults.errors import NodeRefusedError
from sage_lab.faults.means import OnNode
from sage_lab.faults.on_node import effect, knocking, main, observe

EFFECTS = sorted({kind.means.effect for kind in catalogue() if isinstance(kind.means, OnNode)}, key=str)
PREFIX = f"{effect.__name__.rpartition('.')[0]}."


def run(program: str, work: agent.Work, order: dict[str, object]) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-I", "-S", "-", f"{work.__module__}.{work.__name__}", json.dumps(order)]
    return subprocess.run(argv, input=program, capture_output=True, text=True, check=False)


def modules(program: str) -> list[str]:
    return [name.removeprefix(PREFIX) for name in re.findall(rf"\('({re.escape(PREFIX)}\w+)', ", program)]


@pytest.mark.parametrize("of", [*EFFECTS, observe, knocking], ids=lambda one: one.__name__.rpartition(".")[2])
def test_every_program_loads_by_itself(of: object) -> None:
    """The order names an effect that changes nothing: what is tried is that each module finds what it imports."""
    needs = getattr(of, "__module__", "") or getattr(of, "__name__", "")
    order = {"effect": [effect.__name__, "Effect"], "fault": "ab", "plan": {"x": 1}}
    done = run(agent.program(main.__name__, needs), main.prepare, order)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.removeprefix(agent.ANSWER)) == {"plan": {"x": 1}}


def test_a_module_comes_after_those_that_it_imports_and_alone_with_them() -> None:
    assert modules(agent.program(main.__name__, knocking.__name__)) == [
        "processes",
        "effect",
        "lease",
        "main",
        "knocking",
    ]
    everything = modules(agent.program(main.__name__, observe.__name__))
    assert everything.index("sockets") < everything.index("sshd") < everything.index("observe")
    assert "clock_faults" not in everything


class NodeHere(Lab):
    """A lab whose node is this machine."""

    def __init__(self, problem: str = "") -> None:
        self.problem = problem

    def node(self, name: str) -> NodeHere:  # type: ignore[override]
        return self

    python = sys.executable

    def run(self, node: str, argv: list[str], **more: object) -> Completed:  # type: ignore[override]
        done = subprocess.run(argv, input=str(more["stdin"]), capture_output=True, text=True, check=False)
        return Completed(tuple(argv), done.returncode, done.stdout, done.stderr)


def test_what_a_node_cannot_do_is_told_in_its_own_words() -> None:
    order = {"effect": ["sage_lab.faults.on_node.environment_faults", "MovedAside"], "fault": "ab"}
    plan = {"plan": {"path": "/no/such/file"}}
    with pytest.raises(NodeRefusedError, match="/no/such/file is not there"):
        agent.ask(NodeHere(), "head", main.prepare, {**order, **plan}, needs=str(order["effect"][0]))
    with pytest.raises(NodeRefusedError, match=r"(?s)'prepare' ended with status 1 and no answer: .*KeyError"):
        agent.ask(NodeHere(), "head", main.prepare, {"effect": [main.__name__, "none"]})
