"""Stopping real processes that play Ray: asked, waited for, forced, and proven gone."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path
from typing import Any

from sage_cluster.on_node.stop import force_stop, kill_raylet, stop
from tests.support.processes import DEAF, SLEEP, Fakes
from tests.support.sessions import SESSION, make_session, pids
from tests.support.waiting import wait_for

# Says its name into a file when it is asked to end, and ends.
FAREWELL = (
    "import signal, sys, time\n"
    "def bye(*_):\n"
    "    time.sleep({'raylet': 0.2, 'ray::DashboardAgent': 0.1}.get(sys.argv[2], 0))  # the others must wait for it\n"
    "    open(sys.argv[1], 'a').write(sys.argv[2] + '\\n'); sys.exit()\n"
    "signal.signal(signal.SIGTERM, bye)\n"
    "print(flush=True)\n"
    "time.sleep(60)\n"
)


def spec(temp_dir: Path, grace: float = 10.0) -> dict[str, Any]:
    return {"temp_dir": str(temp_dir), "grace": grace, "log_dir": f"{temp_dir}-logs", "keep_logs": 5}


def test_polite_processes_end_when_asked_and_the_session_goes(fakes: Fakes, tmp_path: Path) -> None:
    make_session(tmp_path / "ray", SESSION)
    running = sorted([fakes.raylet(tmp_path / "ray"), fakes.gcs(tmp_path / "ray")])
    assert stop(spec(tmp_path / "ray")) == {
        "was_running": True,
        "stopped": running,
        "forced": [],
        "remaining": [],
        "sessions_removed": [SESSION],
    }
    assert pids(tmp_path / "ray") == []
    assert (tmp_path / "ray-logs" / SESSION / "raylet.out").is_file()
    assert not (tmp_path / "ray" / SESSION).exists()


def test_one_that_does_not_listen_is_forced_and_named(fakes: Fakes, tmp_path: Path) -> None:
    raylet = fakes.raylet(tmp_path)
    deaf = fakes.gcs(tmp_path, source=DEAF)
    answer = stop(spec(tmp_path, grace=0.3))
    assert (answer["forced"], answer["remaining"]) == ([deaf], [])
    assert answer["stopped"] == sorted([raylet, deaf])
    assert pids(tmp_path) == []


def test_a_stopped_process_ends_without_force(fakes: Fakes, tmp_path: Path) -> None:
    raylet = fakes.raylet(tmp_path)
    os.kill(raylet, signal.SIGSTOP)
    stat = Path(f"/proc/{raylet}/stat")
    wait_for(lambda: stat.read_text().rpartition(")")[2].split()[0], "T")
    answer = stop(spec(tmp_path))
    assert (answer["stopped"], answer["forced"]) == ([raylet], [])


def test_the_raylet_goes_first_and_the_gcs_last(fakes: Fakes, tmp_path: Path) -> None:
    order = tmp_path / "order"
    option = f"--session-dir={tmp_path}/{SESSION}"
    for name in ("gcs_server", "ray::DashboardAgent", "raylet"):
        fakes.run(name, str(order), name, option, source=FAREWELL)
    assert stop(spec(tmp_path))["forced"] == []
    assert order.read_text().split() == ["raylet", "ray::DashboardAgent", "gcs_server"]


def test_stopping_nothing_says_so(tmp_path: Path) -> None:
    answer = stop(spec(tmp_path))
    assert answer == {"was_running": False, "stopped": [], "forced": [], "remaining": [], "sessions_removed": []}


def test_a_stale_session_without_processes_is_removed(tmp_path: Path) -> None:
    make_session(tmp_path / "ray", SESSION)
    answer = stop(spec(tmp_path / "ray"))
    assert (answer["was_running"], answer["sessions_removed"]) == (False, [SESSION])


def test_a_neighbour_with_another_directory_lives_on(fakes: Fakes, tmp_path: Path) -> None:
    fakes.raylet(tmp_path / "ray")
    neighbour = fakes.raylet(tmp_path / "ray2", node_id="def")
    assert neighbour not in stop(spec(tmp_path / "ray"))["stopped"]
    assert pids(tmp_path / "ray2") == [neighbour]


def test_force_reaches_children_of_a_dying_family(fakes: Fakes, tmp_path: Path) -> None:
    source = (
        "import signal, subprocess, sys; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
        "p = subprocess.Popen([sys.executable or sys.argv[1], '-c', sys.argv[2]], stdout=subprocess.PIPE); "
        "p.stdout.readline(); print(p.pid, flush=True); p.wait()"
    )
    option = f"--session-dir={tmp_path}/{SESSION}"
    top = fakes.run("raylet", "/usr/bin/python3", DEAF, option, source=source)
    child = int(fakes.said)
    assert force_stop(str(tmp_path)) == sorted([top.pid, child])
    wait_for(lambda: alive(child), False)


def test_kill_raylet_kills_only_the_raylet(fakes: Fakes, tmp_path: Path) -> None:
    raylet = fakes.run("raylet", f"--raylet_socket_name={tmp_path}/{SESSION}/sockets/raylet", source=SLEEP)
    gcs = fakes.gcs(tmp_path)
    assert kill_raylet({"temp_dir": str(tmp_path)}) == {"pid": raylet.pid}
    assert raylet.wait(10) == -signal.SIGKILL
    assert pids(tmp_path) == [gcs]
    assert kill_raylet({"temp_dir": str(tmp_path)}) == {"pid": None}


def alive(pid: int) -> bool:
    shown = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return shown.stdout.strip() not in ("", "Z", "Zs", "Z+")
