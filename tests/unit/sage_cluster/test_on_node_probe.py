"""What a node says of itself, with processes that play Ray and a loopback server that plays its agent."""

from __future__ import annotations

import os
import signal
import socket
from pathlib import Path
from typing import Any

import pytest

from sage_cluster.on_node import probe as probe_module
from sage_cluster.on_node.probe import probe
from tests.support.dashboard import NOT_HTTP, row, serving, state_api
from tests.support.ports import free_port
from tests.support.processes import LISTEN, Fakes
from tests.support.programs import make_program
from tests.support.sessions import OTHER_SESSION, SESSION, make_session
from tests.support.waiting import wait_for


def spec(temp_dir: Path, **more: object) -> dict[str, Any]:
    return {
        "temp_dir": str(temp_dir),
        "head_port": 6379,
        "dashboard": True,
        "dashboard_host": "0.0.0.0",
        "dashboard_port": free_port(),
        "ray_command": "",
        "python_path": "",
        "conda_env": "",
        "answer_timeout": 15.0,
        "versions": False,
        **more,
    }


def start_raylet(fakes: Fakes, temp_dir: Path, agent_port: int | str | None) -> int:
    make_session(temp_dir, SESSION)
    if agent_port is not None:
        (temp_dir / SESSION / "dashboard_agent_listen_port_abc").write_text(str(agent_port))
    return fakes.raylet(temp_dir, "--node_ip_address=127.0.0.1", "--gcs-address=10.0.0.1:6379")


def test_a_node_without_ray(tmp_path: Path) -> None:
    answer = probe(spec(tmp_path / "none"))
    assert (answer["processes"], answer["raylet"], answer["gcs_running"]) == ([], None, False)
    assert (answer["health"], answer["ports"], answer["sessions"]) == ("none", [], [])
    assert answer["hostname"] == socket.gethostname()
    assert answer["free_bytes"] > 0
    assert answer["load"] >= 0
    assert "nodes" not in answer
    assert "ray_problem" not in answer


def test_sessions_on_disk_are_told_even_without_processes(tmp_path: Path) -> None:
    make_session(tmp_path, OTHER_SESSION)
    make_session(tmp_path, SESSION)
    assert probe(spec(tmp_path))["sessions"] == [SESSION, OTHER_SESSION]


def test_a_running_raylet_is_described(fakes: Fakes, tmp_path: Path) -> None:
    with serving(lambda _: (200, b"success")) as agent:
        pid = start_raylet(fakes, tmp_path, agent.port)
        answer = probe(spec(tmp_path))
    assert agent.paths == ["/api/local_raylet_healthz"]
    assert answer["health"] == "ok"
    assert {key: answer["raylet"][key] for key in ("pid", "node_id", "session", "address", "gcs_address")} == {
        "pid": pid,
        "node_id": "abc",
        "session": SESSION,
        "address": "127.0.0.1",
        "gcs_address": "10.0.0.1:6379",
    }
    assert [(p["role"], p["pid"]) for p in answer["processes"]] == [("raylet", pid)]


@pytest.mark.parametrize(("status", "health"), [(200, "ok"), (503, "hung"), (204, "hung")])
def test_health_is_what_the_agent_says(fakes: Fakes, tmp_path: Path, status: int, health: str) -> None:
    with serving(lambda _: (status, b"")) as agent:
        start_raylet(fakes, tmp_path, agent.port)
        assert probe(spec(tmp_path))["health"] == health


def test_an_agent_that_does_not_answer_in_time_means_hung(
    fakes: Fakes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probe_module, "HEALTH_SECONDS", 0.2)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        start_raylet(fakes, tmp_path, silent.getsockname()[1])
        assert probe(spec(tmp_path))["health"] == "hung"


@pytest.mark.parametrize("port", [None, "", "not a port", "closed"])
def test_without_an_agent_health_is_unknown(fakes: Fakes, tmp_path: Path, port: str | None) -> None:
    start_raylet(fakes, tmp_path, free_port() if port == "closed" else port)
    assert probe(spec(tmp_path))["health"] == "unknown"


def test_an_agents_port_that_speaks_no_http_does_not_end_the_probe(fakes: Fakes, tmp_path: Path) -> None:
    with serving(lambda _: (NOT_HTTP, b"SSH-2.0-OpenSSH_9.2\r\n")) as agent:
        start_raylet(fakes, tmp_path, agent.port)
        assert probe(spec(tmp_path))["health"] in ("unknown", "hung")


def test_a_halted_raylet_is_hung_whatever_its_agent_says(fakes: Fakes, tmp_path: Path) -> None:
    with serving(lambda _: (200, b"success")) as agent:
        pid = start_raylet(fakes, tmp_path, agent.port)
        os.kill(pid, signal.SIGSTOP)
        stat = Path(f"/proc/{pid}/stat")
        wait_for(lambda: stat.read_text().rpartition(")")[2].split()[0], "T")
        answer = probe(spec(tmp_path))
    assert (answer["health"], answer["raylet"]["state"]) == ("hung", "T")
    assert agent.paths == []


def test_the_ports_are_those_of_the_sessions_processes(fakes: Fakes, tmp_path: Path) -> None:
    fakes.run("gcs_server", "AF_INET", "127.0.0.1", f"--session-dir={tmp_path}/{SESSION}", source=LISTEN)
    own = int(fakes.said)
    fakes.run("stranger", "AF_INET", "127.0.0.1", source=LISTEN)
    asked = spec(tmp_path, ray_command=str(tmp_path / "no-ray"))
    assert probe(asked)["ports"] == [own]


def test_on_a_head_ray_is_asked_at_the_address_of_its_gcs(fakes: Fakes, tmp_path: Path) -> None:
    option = "--node-ip-address=127.0.0.1"
    fakes.run("gcs_server", f"--log_dir={tmp_path}/{SESSION}/logs", option)
    with serving(lambda _: state_api(row("abc"))) as ray:
        answer = probe(spec(tmp_path, dashboard_port=ray.port))
    assert answer["gcs_running"] is True
    assert answer["nodes"] == [row("abc")]


def test_a_head_whose_ray_does_not_answer_tells_why(fakes: Fakes, tmp_path: Path) -> None:
    fakes.run("gcs_server", f"--log_dir={tmp_path}/{SESSION}/logs", "--node-ip-address=127.0.0.1")
    python = make_program(tmp_path / "bin/python", "#!/bin/sh\necho 'the GCS is deaf' >&2; exit 1\n")
    make_program(tmp_path / "bin/ray")
    answer = probe(spec(tmp_path, python_path=str(python)))
    assert "the GCS is deaf" in answer["ray_problem"]
    assert "Connection refused" in answer["ray_problem"]
    assert answer["processes"]


def test_a_head_without_its_environment_still_answers(fakes: Fakes, tmp_path: Path) -> None:
    fakes.run("gcs_server", f"--log_dir={tmp_path}/{SESSION}/logs", "--node-ip-address=127.0.0.1")
    answer = probe(spec(tmp_path, ray_command=f"{tmp_path}/gone/ray"))
    assert f"{tmp_path}/gone/ray" in answer["ray_problem"]
    assert answer["gcs_running"]
