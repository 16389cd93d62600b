"""A head whose GCS does not answer is hung, and says so in time: its machine is reached, so it is not unreachable."""

from __future__ import annotations

import os
import signal
import socket
import time
from pathlib import Path
from typing import Any

import pytest

from sage_cluster.on_node.probe import probe
from sage_cluster.on_node.ray_view import RayDoesNotAnswerError, ray_view
from tests.support.dashboard import serving
from tests.support.processes import Fakes
from tests.support.programs import make_program
from tests.support.sessions import SESSION, make_session
from tests.support.waiting import wait_for


def spec(temp_dir: Path, port: int, **more: object) -> dict[str, Any]:
    return {
        "temp_dir": str(temp_dir),
        "head_port": 6379,
        "dashboard": True,
        "dashboard_port": port,
        "ray_command": "",
        "python_path": "",
        "conda_env": "",
        "answer_timeout": 3.0,
        "versions": False,
        **more,
    }


def test_a_halted_gcs_is_hung_though_its_raylet_is_well(fakes: Fakes, tmp_path: Path) -> None:
    make_session(tmp_path, SESSION)
    with serving(lambda _: (200, b"success")) as agent, socket.create_server(("127.0.0.1", 0)) as silent:
        (tmp_path / SESSION / "dashboard_agent_listen_port_abc").write_text(str(agent.port))
        fakes.raylet(tmp_path, "--node_ip_address=127.0.0.1", "--gcs-address=10.0.0.1:6379")
        gcs = fakes.gcs(tmp_path)
        os.kill(gcs, signal.SIGSTOP)
        wait_for(lambda: Path(f"/proc/{gcs}/stat").read_text().rpartition(")")[2].split()[0], "T")
        began = time.monotonic()
        asked = spec(tmp_path, silent.getsockname()[1], ray_command=f"{tmp_path}/gone/ray")
        answer = probe(asked)
    assert answer["health"] == "hung"
    assert time.monotonic() - began < asked["answer_timeout"]


def test_both_ways_to_ask_ray_take_less_time_than_the_answer_may(tmp_path: Path) -> None:
    make_program(tmp_path / "bin/ray")
    python = make_program(tmp_path / "bin/python", "#!/bin/sh\nexec sleep 60\n")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        asked = spec(tmp_path, silent.getsockname()[1], python_path=str(python), address="127.0.0.1")
        began = time.monotonic()
        with pytest.raises(RayDoesNotAnswerError, match="no answer within"):
            ray_view({**asked, "await_alive": [], "timeout": 0.0})
    assert time.monotonic() - began < asked["answer_timeout"]
