"""What a node says is data of somebody else's: whatever it is, it is an answer or that node's error."""

from __future__ import annotations

import json
import time
from typing import cast

import pytest
from pydantic import ValidationError

from sage_cluster.config.schema import Config
from sage_cluster.errors import NodeError
from sage_cluster.nodes.agent import RayNodes
from sage_cluster.nodes.answers import answer_of, find_answer
from sage_cluster.nodes.program import ANSWER
from sage_cluster.nodes.status import ask_all
from sage_cluster.nodes.watch_stream import WatchStream
from sage_cluster.on_node.probe import probe
from sage_cluster.ssh.connection import CommandResult, SshStream, Target
from sage_cluster.ssh.pool import SshPool

PROBE = {
    "hostname": "h",
    "processes": [],
    "raylet": None,
    "gcs_running": False,
    "health": "none",
    "ports": [],
    "sessions": [],
    "load": 1,
    "free_bytes": 1,
}
HEARTBEAT = {
    "running": ["raylet"],
    "stopped": [],
    "health": "ok",
    "node_id": "a",
    "session": "s",
    "nodes": None,
    "dashboard_wanted": False,
}
HOSTILE = {
    "nothing": "",
    "no JSON": "{ welcome }",
    "a list": "[]",
    "null": "null",
    "a number": "1",
    "text": '"text"',
    "empty": "{}",
    "deep": "[" * 100_000,
    "deep objects": '{"a":' * 100_000,
    "half": json.dumps(PROBE)[:-5],
    "wrong type": json.dumps({**PROBE, "processes": "none"}),
    "text for a number": json.dumps({**PROBE, "free_bytes": "1"}),
    "wrong inside": json.dumps({**PROBE, "processes": [{"role": 1}]}),
    "lacking": json.dumps({key: value for key, value in PROBE.items() if key != "raylet"}),
    "problem of another type": '{"kind": [], "problem": {}}',
    "a million errors in a list": json.dumps({**PROBE, "ports": "X"}).replace('"X"', f"[{'null,' * 1_000_000}null]"),
    "many errors in a mapping": json.dumps({**PROBE, "versions": dict.fromkeys(map(str, range(200_000)))}),
    "half of a character": '{"hostname": "\\ud800"}',
}
CONFIG = Config.model_validate({"head": {"host": "h"}, "workers_ssh_hosts": "bad,good"})


class Pool:
    """Answers every command; the node ``bad`` with what it is given, the others as they should."""

    def __init__(self, bad: str) -> None:
        self._bad = bad

    def run(self, target: Target, argv: list[str], *, timeout: float) -> CommandResult:
        said = self._bad if target.host == "bad" else json.dumps(PROBE)
        return CommandResult(target, tuple(argv), 0, f"Welcome!{ANSWER}{argv[-1]}{said}\n", "", 0.1)


@pytest.mark.parametrize("said", HOSTILE.values(), ids=HOSTILE)
def test_whatever_one_node_says_is_its_own_error_and_hides_no_other(said: str) -> None:
    head, (bad, good), _ = ask_all(RayNodes(cast(SshPool, Pool(said))), CONFIG)
    assert bad.state == "unreachable"
    assert bad.problem.startswith("bad: what the node says cannot be used: ")
    assert f"; it begins: {said[:200]!a}" in bad.problem
    assert "Traceback" not in bad.problem
    assert (head.state, good.state) == ("stopped", "stopped")


def test_a_terminal_obeys_nothing_that_a_node_says() -> None:
    pool = Pool("\x1b]0;owned\x07\x1b[2J{")
    _, (bad, _), _ = ask_all(RayNodes(cast(SshPool, pool)), CONFIG)
    assert bad.problem
    assert "\x1b" not in bad.problem


@pytest.mark.parametrize(
    "output",
    [
        "{frame}{{}}\n",
        "no line end{frame}{{}}\n",
        "{{ welcome }}\n{frame}{{}}",
        f"{ANSWER}[]\n{ANSWER}0123[]\n{{frame}}{{{{}}}}\nbye\n",
    ],
)
def test_an_answer_is_found_wherever_it_stands(output: str) -> None:
    assert find_answer(output.format(frame=f"{ANSWER}00ff"), "00ff") == "{}"


def test_without_the_nonce_there_is_no_answer() -> None:
    assert find_answer(f"{ANSWER}{{}}\n", "00ff") is None


class Lines:
    """A stream that gives these lines."""

    def __init__(self, *lines: str) -> None:
        self._lines = list(lines)

    def lines(self, timeout: float) -> list[str]:
        return self._lines


FRAME = f"{ANSWER}00ff"


def stream(*lines: str) -> WatchStream:
    return WatchStream(cast(SshStream, Lines(*lines)), "00ff", "worker-1")


def test_a_watch_is_heard_through_what_login_scripts_print() -> None:
    ended = {"ended": "raylet", "pid": 7}
    said = stream(
        "{ welcome }",
        '{"heartbeat": {"x": 1}}',
        f"motd {FRAME}{json.dumps({'heartbeat': HEARTBEAT})}",
        FRAME + json.dumps(ended),
    )
    assert said.messages(1.0) == [{"heartbeat": HEARTBEAT}, ended]


WRONG_MESSAGES = [
    '{"heartbeat": {"x": 1}}',
    '{"heartbeat": null}',
    '{"ended": 1}',
    json.dumps({"heartbeat": {**HEARTBEAT, "nodes": [{"node_id": 1}]}}),
    *HOSTILE.values(),
]


@pytest.mark.parametrize("said", WRONG_MESSAGES, ids=range(len(WRONG_MESSAGES)))
def test_a_message_that_is_none_is_the_nodes_error(said: str) -> None:
    with pytest.raises(NodeError, match="worker-1: what the node says cannot be used"):
        stream(FRAME + said).messages(1.0)


def test_what_is_wrong_a_million_times_is_told_once_and_soon() -> None:
    """Each error that is kept costs the controller as much as a thousand letters that a node says."""
    began = time.process_time()
    for name in ("a million errors in a list", "many errors in a mapping"):
        with pytest.raises(NodeError) as caught:
            answer_of(probe, HOSTILE[name], "bad")
        assert isinstance(caught.value.__cause__, ValidationError)
        assert caught.value.__cause__.error_count() < 10
    assert time.process_time() - began < 10
