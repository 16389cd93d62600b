"""Asking Ray who is alive: the state API played by a loopback HTTP server, the GCS client by a stand-in interpreter."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sage_cluster.nodes.program import ANSWER, command_line
from sage_cluster.on_node.ray_view import RayDoesNotAnswerError, await_raylet_end, dashboard, drain, ray_view
from tests.support.dashboard import NOT_HTTP, row, serving, state_api
from tests.support.ports import free_port
from tests.support.processes import Fakes
from tests.support.programs import make_program


def spec(port: int, python: str = "", **more: object) -> dict[str, Any]:
    return {
        "address": "127.0.0.1",
        "dashboard": True,
        "dashboard_host": "0.0.0.0",
        "dashboard_port": port,
        "head_port": 6379,
        "ray_command": "",
        "python_path": python,
        "conda_env": "",
        "answer_timeout": 15.0,
        "await_alive": [],
        "timeout": 0.0,
        **more,
    }


@pytest.fixture
def fake_python(tmp_path: Path) -> Callable[[str], str]:
    """Makes an interpreter that runs a shell line in place of a Python program, with a ray beside it."""

    def make(line: str) -> str:
        make_program(tmp_path / "bin/ray")
        return str(make_program(tmp_path / "bin/python", f"#!/bin/sh\n{line}\n"))

    return make


def test_the_state_api_is_asked_once_and_its_needed_keys_given() -> None:
    with serving(lambda _: state_api(row("a"), row("b", "DEAD"))) as server:
        assert ray_view(spec(server.port)) == {"nodes": [row("a"), row("b", "DEAD")]}
    assert server.paths == ["/api/v0/nodes?detail=1&limit=10000"]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_dashboard_of_the_loopback_alone_is_asked_there(host: str) -> None:
    """Not at the node's own address, where nothing listens."""
    reply = {"/api/version": (200, b'{"ray_version": "2", "session_name": "s"}')}
    with serving(lambda path: reply.get(path, state_api(row("a")))) as server:
        asked = spec(server.port, dashboard_host=host, address="127.0.0.9")
        assert ray_view(asked) == {"nodes": [row("a")]}
        assert dashboard(asked) == {"url": f"http://{host}:{server.port}", "ray_version": "2", "session": "s"}


def test_a_proxy_of_the_environment_is_not_used() -> None:
    with serving(lambda _: state_api(row("a"))) as server:
        asked = subprocess.run(
            command_line(sys.executable, ray_view, spec(server.port), ""),
            env={"http_proxy": f"http://127.0.0.1:{free_port()}", "PATH": "/nothing"},
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        )
    assert json.loads(asked.stdout.removeprefix(ANSWER)) == {"nodes": [row("a")]}


def test_it_waits_until_the_awaited_nodes_are_alive() -> None:
    answers = iter([state_api(), state_api(row("a")), state_api(row("a"), row("b", "DEAD"))])
    with serving(lambda _: next(answers, state_api(row("a"), row("b")))) as server:
        nodes = ray_view(spec(server.port, await_alive=["a", "b"], timeout=20.0))["nodes"]
    assert nodes == [row("a"), row("b")]
    assert len(server.paths) == 4


def test_at_the_deadline_the_last_answer_is_given() -> None:
    began = time.monotonic()
    with serving(lambda _: state_api(row("a"), row("b", "DEAD"))) as server:
        nodes = ray_view(spec(server.port, await_alive=["a", "b"], timeout=0.3))["nodes"]
    assert nodes == [row("a"), row("b", "DEAD")]
    assert len(server.paths) > 1
    assert time.monotonic() - began < 10


def test_with_the_dashboard_off_the_gcs_is_asked(fake_python: Callable[[str], str], tmp_path: Path) -> None:
    answer = json.dumps([row("a")])
    python = fake_python(f"echo 'a warning of Ray'; echo \"$1 $3\" > {tmp_path}/asked; echo '{answer}'")
    assert ray_view(spec(free_port(), python, dashboard=False)) == {"nodes": [row("a")]}
    assert (tmp_path / "asked").read_text() == "-c 127.0.0.1:6379\n"


BROKEN: dict[str, tuple[int, bytes]] = {
    "an error": (500, b'{"result": false, "msg": "the GCS is gone"}'),
    "no JSON": (200, b"<html>hello</html>"),
    "other JSON": (200, b'{"result": true, "data": {}}'),
    "no rows": (200, b'{"result": false, "msg": "no", "data": null}'),
    "no HTTP": (NOT_HTTP, b"SSH-2.0-OpenSSH_9.2\r\n"),
}


@pytest.mark.parametrize("reply", BROKEN.values(), ids=BROKEN)
def test_when_the_state_api_fails_the_gcs_is_asked(fake_python: Callable[[str], str], reply: tuple[int, bytes]) -> None:
    python = fake_python(f"echo '{json.dumps([row('a')])}'")
    with serving(lambda _: reply) as server:
        assert ray_view(spec(server.port, python)) == {"nodes": [row("a")]}


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("echo one >&2; echo 'RpcError: failed to connect' >&2; exit 1", "GCS: RpcError: failed to connect"),
        ("exit 3", "GCS: no reason given"),
        ("exit 0", "GCS: "),
        ("echo not json", "GCS: "),
    ],
)
def test_when_both_fail_both_reasons_are_told(fake_python: Callable[[str], str], line: str, reason: str) -> None:
    with pytest.raises(RayDoesNotAnswerError, match=r"state API: .*Connection refused") as caught:
        ray_view(spec(free_port(), fake_python(line)))
    assert reason in str(caught.value)


def test_when_the_dashboard_is_off_and_the_gcs_fails_both_are_told(fake_python: Callable[[str], str]) -> None:
    with pytest.raises(RayDoesNotAnswerError, match="the dashboard is off; GCS: gone"):
        ray_view(spec(1, fake_python("echo gone >&2; exit 1"), dashboard=False))


def test_a_ray_without_an_interpreter_beside_it_is_a_foreseen_problem(tmp_path: Path) -> None:
    """As with a ray linked into /usr/local/bin, or installed by pip for one user."""
    ray = make_program(tmp_path / "bin/ray")
    with pytest.raises(RayDoesNotAnswerError):
        ray_view(spec(free_port(), ray_command=str(ray)))


def test_the_dashboard_says_its_version_and_session() -> None:
    body = json.dumps({"ray_version": "2.60.0", "session_name": "session_x", "version": "4"}).encode()
    with serving(lambda _: (200, body)) as server:
        answer = dashboard(spec(server.port))
    url = f"http://127.0.0.1:{server.port}"
    assert answer == {"url": url, "ray_version": "2.60.0", "session": "session_x"}
    assert server.paths == ["/api/version"]


def test_no_dashboard_is_a_problem_with_its_address() -> None:
    port = free_port()
    answer = dashboard(spec(port))
    assert answer["url"] == f"http://127.0.0.1:{port}"
    assert "Connection refused" in answer["problem"]


@pytest.mark.parametrize("kind", ["an error", "no JSON", "other JSON", "no HTTP"])
def test_a_dashboard_that_is_none_is_a_problem(kind: str) -> None:
    with serving(lambda _: BROKEN[kind]) as server:
        assert dashboard(spec(server.port))["problem"]


def test_drain_hands_ray_the_node_and_the_time(fake_python: Callable[[str], str], tmp_path: Path) -> None:
    python = fake_python(f'shift 2; echo "$@" > {tmp_path}/asked')
    assert drain(spec(1, python, node_id="abc", timeout=30.0)) == {"accepted": True}
    assert (tmp_path / "asked").read_text() == "127.0.0.1:6379 abc 30.0\n"


def test_a_rejected_drain_is_told_in_rays_words(fake_python: Callable[[str], str]) -> None:
    with pytest.raises(RayDoesNotAnswerError, match="the node is not idle"):
        drain(spec(1, fake_python("echo 'the node is not idle' >&2; exit 1"), node_id="abc", timeout=1))


def test_awaiting_the_raylets_end(fakes: Fakes, tmp_path: Path) -> None:
    asked = {"temp_dir": str(tmp_path), "timeout": 20.0}
    assert await_raylet_end(asked) == {"ended": True}
    raylet = fakes.raylet(tmp_path)
    fakes.gcs(tmp_path)
    assert await_raylet_end({**asked, "timeout": 0.1}) == {"ended": False}
    threading.Timer(0.2, os.kill, (raylet, 15)).start()
    assert await_raylet_end(asked) == {"ended": True}


def test_a_node_of_which_ray_has_nothing_to_say_has_an_empty_message() -> None:
    with serving(lambda _: state_api({**row("a"), "state_message": None})) as server:
        assert ray_view(spec(server.port)) == {"nodes": [{**row("a"), "state_message": ""}]}
