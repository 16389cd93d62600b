"""What a person sees: progress, tables, verdicts; and JSON that is JSON."""

from __future__ import annotations

import io
import json

import pytest
from rich.console import Console

from sage_cluster.cli.console import COLOURS, Progress, print_json, print_result, print_status
from sage_cluster.model import ClusterStatus, Incident, NodeResult, NodeState, NodeStatus, OperationResult


@pytest.fixture
def console() -> Console:
    return Console(record=True, width=110, file=io.StringIO(), force_terminal=False)


def status(name: str, state: NodeState = NodeState.RUNNING, **more: object) -> NodeStatus:
    return NodeStatus(name, name, 22, "worker", state, **more)  # type: ignore[arg-type]


def lines(console: Console) -> list[str]:
    return [" ".join(line.split()) for line in console.export_text().splitlines()]


def test_a_result_is_a_row_per_node_the_errors_in_full_and_a_verdict(console: Console) -> None:
    result = OperationResult(
        "start cluster",
        (
            NodeResult("head", True, "running", 0.2, details={"already_running": True}),
            NodeResult("worker-1", True, "running", 4.04),
            NodeResult("worker-2", False, "starting", 10.0, "worker-2: [Errno 28] no room\n  -> make room"),
        ),
        12.34,
    )
    print_result(console, result)
    assert lines(console) == [
        "NODE RESULT PHASE TIME",
        "head ok already running 0.2 s",
        "worker-1 ok running 4.0 s",
        "worker-2 FAILED starting 10.0 s",
        "worker-2: [Errno 28] no room",
        "-> make room",
        "start cluster: FAILED in 12.3 s",
    ]


def test_a_result_without_nodes_is_its_error_and_the_verdict(console: Console) -> None:
    print_result(console, OperationResult("scale", error="the head does not run"))
    assert lines(console) == ["the head does not run", "scale: FAILED in 0.0 s"]


def test_success_is_done(console: Console) -> None:
    print_result(console, OperationResult("stop cluster", (NodeResult("w", True, "stopped"),)))
    assert lines(console)[-1] == "stop cluster: done in 0.0 s"


def test_a_status_is_a_row_per_node_and_what_is_wrong_in_words(console: Console) -> None:
    head = status("head", ray_state="ALIVE", address="10.0.0.1", processes=({"pid": 1}, {"pid": 2}), load=0.5)
    lost = status("worker-1", NodeState.UNREACHABLE, problem="worker-1: [timeout] no answer")
    print_status(console, ClusterStatus(head, (lost,), strangers=("intruder",)))
    assert lines(console) == [
        "NODE ROLE STATE RAY SAYS SUPERVISOR ADDRESS PROCESSES LOAD",
        "head worker running ALIVE - 10.0.0.1 2 0.50",
        "worker-1 worker unreachable - - - 0 -",
        "worker-1: [timeout] no answer",
        "intruder: Ray calls it ALIVE, but the configuration does not know it",
    ]


def test_what_the_supervisor_says_the_last_troubles_and_warnings_follow_the_nodes(console: Console) -> None:
    trouble = Incident("its raylet ended", "2026-01-02T03:04:05.000+00:00", seconds=3.0)
    said = {"head": {"state": "quarantined", "reason": "2 repairs did not help (start: started)", "tried": []}}
    told = ClusterStatus(status("head"), (), supervisor=said, troubles={"head": trouble}, warnings=("no supervisor",))
    print_status(console, told)
    shown = lines(console)
    assert shown[1].startswith("head worker running - quarantined")
    assert shown[2] == "head: quarantined: 2 repairs did not help (start: started)"
    assert shown[3] == "NODE LAST TROUBLE NOTICED DECIDED REPAIRED TOOK"
    assert shown[4].startswith("head its raylet ended ")
    assert shown[-1] == "no supervisor"
    assert told.to_dict()["troubles"]["head"]["seconds"] == 3.0


@pytest.mark.parametrize("state", list(NodeState))
def test_every_state_has_a_colour_and_its_word(console: Console, state: NodeState) -> None:
    assert state in COLOURS
    print_status(console, ClusterStatus(status("head", state), ()))
    assert state.value in console.export_text()


ODD = ["fd00::a:b:1", "[fd00::7]:2222"]


@pytest.mark.parametrize("name", ODD)
def test_an_address_is_shown_as_it_is(console: Console, name: str) -> None:
    print_status(console, ClusterStatus(status(name, address=name), (), strangers=(name,)))
    with Progress(console) as progress:
        progress(name, "starting")
    print_result(console, OperationResult("stop", (NodeResult(name, False, "x", error=f"{name}: gone"),)))
    text = console.export_text()
    assert text.count(name) == 6, text


@pytest.mark.parametrize(
    "value", [{"address": "fd00::a:b:1"}, {"text": "[red]x[/red] " * 40}, ["ä", None, True, 1.5], {}]
)
def test_json_is_the_value_again(value: object, capsys: pytest.CaptureFixture[str]) -> None:
    print_json(value)  # type: ignore[arg-type]
    assert json.loads(capsys.readouterr().out) == value


def test_progress_is_a_line_per_step_where_no_terminal_is(console: Console) -> None:
    with Progress(console) as progress:
        progress("worker-1", "starting")
        progress("worker-1", "running")
    shown = lines(console)
    assert [line.partition(" s ")[2] for line in shown] == ["worker-1: starting", "worker-1: running"]


def test_progress_on_a_terminal_shows_each_node_once_in_its_newest_phase(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    file = io.StringIO()
    console = Console(file=file, force_terminal=True, width=80)
    with Progress(console) as progress:
        progress("worker-1", "starting")
        progress("worker-2", "starting")
        progress("worker-1", "running")
    frames = file.getvalue().split("worker-2")
    assert "running" in frames[-2]
    assert "starting" not in frames[-2].rpartition("worker-1")[2]
