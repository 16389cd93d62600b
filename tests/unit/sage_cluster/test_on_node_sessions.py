"""Which processes and directories belong to a Ray session, told by real processes that play Ray."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from sage_cluster.nodes.program import ANSWER, command_line
from sage_cluster.on_node.processes import is_alive
from sage_cluster.on_node.sessions import (
    COOKIE,
    remove_sessions,
    session_directories,
    session_processes,
)
from sage_cluster.on_node.stop import kill_raylet
from tests.support.processes import SLEEP, Fakes
from tests.support.sessions import OTHER_SESSION, SESSION, make_session, pids
from tests.support.waiting import wait_for

PARENT = (
    "import subprocess, sys; child = subprocess.Popen([sys.argv[1], '-c', sys.argv[2]]); "
    "print(child.pid, flush=True); child.wait()"
)


@pytest.mark.parametrize(
    ("name", "option", "role"),
    [
        ("/opt/ray/raylet", "--raylet_socket_name={}/sockets/raylet", "raylet"),
        ("/opt/ray/gcs_server", "--log_dir={}/logs", "gcs"),
        ("ray::DashboardAgent", "--session_dir={}", "agent"),
    ],
)
def test_a_process_belongs_by_rays_own_options(fakes: Fakes, tmp_path: Path, name: str, option: str, role: str) -> None:
    made = fakes.run(name, option.format(f"{tmp_path}/{SESSION}"), "--node_ip_address=10.0.0.7")
    (found,) = session_processes(str(tmp_path))
    assert (found.pid, found.role, found.session, found.address) == (made.pid, role, SESSION, "10.0.0.7")


@pytest.mark.parametrize(
    ("script", "role"),
    [
        ("ray/dashboard/dashboard.py", "dashboard"),
        ("ray/_private/log_monitor.py", "log_monitor"),
        ("ray/autoscaler/_private/monitor.py", "autoscaler"),
    ],
)
def test_rays_scripts_are_known_by_their_file(fakes: Fakes, tmp_path: Path, script: str, role: str) -> None:
    path = tmp_path / script
    path.parent.mkdir(parents=True)
    path.write_text(SLEEP)
    made = fakes.command([sys.executable, "-u", str(path), f"--logs-dir={tmp_path}/{SESSION}/logs"])
    assert [(p.pid, p.role) for p in session_processes(str(tmp_path))] == [(made.pid, role)]


def test_children_belong_however_deep(fakes: Fakes, tmp_path: Path) -> None:
    grandparent = (
        "import subprocess, sys; p = subprocess.Popen([sys.argv[1], '-c', sys.argv[3], sys.argv[1], sys.argv[2]], "
        "stdout=subprocess.PIPE, text=True); print(p.pid, p.stdout.readline(), flush=True); p.wait()"
    )
    option = f"--session-dir={tmp_path}/{SESSION}"
    top = fakes.run("raylet", sys.executable, SLEEP, PARENT, option, source=grandparent)
    family = {top.pid, *map(int, fakes.said.split())}
    try:
        assert len(family) == 3
        assert set(pids(tmp_path)) == family
    finally:
        for process in session_processes(str(tmp_path)):
            if process.pid != top.pid:
                os.kill(process.pid, signal.SIGKILL)


def test_what_carries_the_node_id_or_the_raylets_pid_belongs(fakes: Fakes, tmp_path: Path) -> None:
    raylet = fakes.raylet(tmp_path)
    agent = fakes.run("ray::DashboardAgent", "--node_id=abc").pid
    worker = fakes.run("ray::IDLE", environ={"RAY_RAYLET_PID": str(raylet)}).pid
    fakes.run("ray::DashboardAgent", "--node-id=def")
    fakes.run("python", "--node-id=abc")
    fakes.raylet(tmp_path / "other")  # of another session, though with the same id
    fakes.run("ray::IDLE", environ={"RAY_RAYLET_PID": str(os.getpid())})
    assert pids(tmp_path)[0] == raylet
    assert set(pids(tmp_path)) == {raylet, agent, worker}


def test_what_was_started_for_the_directory_belongs_by_its_environment(fakes: Fakes, tmp_path: Path) -> None:
    made = fakes.run("python", environ={COOKIE: str(tmp_path)}).pid
    fakes.run("python", environ={COOKIE: f"{tmp_path}2"})
    assert pids(tmp_path) == [made]


@pytest.mark.parametrize(
    "argv",
    [
        ["tail", "-f", "{log}"],
        ["vim", "{log}"],
        ["python", "dashboard.py", "{log}"],
        ["grep", "raylet --session-dir={session}"],
        ["--session-dir={session}", "x"],
        ["raylet", "--session-dir={session2}"],
        ["tail", "--log-dir={session}/logs", "-f"],
        ["python3", "monitor.py", "--logs-dir={session}/logs"],
        ["less", "--session-dir={session}"],
        ["raylet", "--log-dir=/elsewhere{session}"],
    ],
    ids=" ".join,
)
def test_a_command_line_that_only_mentions_ray_does_not_belong(fakes: Fakes, tmp_path: Path, argv: list[str]) -> None:
    temp_dir = tmp_path / "ray"
    names = {
        "log": f"{temp_dir}/{SESSION}/logs/raylet.out",
        "session": f"{temp_dir}/{SESSION}",
        "session2": f"{temp_dir}2/{SESSION}",
    }
    words = [word.format(**names) for word in argv]
    fakes.run(words[0], *words[1:])
    mine = fakes.raylet(temp_dir)
    assert pids(temp_dir) == [mine]


def test_a_follower_of_a_log_with_the_file_open_does_not_belong(fakes: Fakes, tmp_path: Path) -> None:
    log = tmp_path / SESSION / "logs" / "raylet.out"
    log.parent.mkdir(parents=True)
    log.write_text("first line\n")
    fakes.command(["tail", "-n", "+1", "-f", str(log)])
    assert fakes.said == "first line"
    assert pids(tmp_path) == []


def test_a_trailing_slash_of_the_directory_makes_no_difference(fakes: Fakes, tmp_path: Path) -> None:
    raylet = fakes.raylet(tmp_path)
    assert [(p.pid, p.session) for p in session_processes(f"{tmp_path}/")] == [(raylet, SESSION)]


def test_the_raylet_comes_first_and_the_gcs_second(fakes: Fakes, tmp_path: Path) -> None:
    other = fakes.run("ray::DashboardAgent", f"--session-dir={tmp_path}/{SESSION}").pid
    gcs = fakes.gcs(tmp_path)
    raylet = fakes.raylet(tmp_path)
    assert pids(tmp_path) == [raylet, gcs, other]


def test_a_zombie_is_neither_found_nor_alive(tmp_path: Path) -> None:
    options = [f"--session-dir={tmp_path}/{SESSION}"]
    zombie = subprocess.Popen(["raylet", "-c", "read _", *options], executable="/bin/sh", stdin=subprocess.PIPE)
    # Popen returns in the midst of exec, when the kernel does not yet tell the new words.
    wait_for(lambda: len(session_processes(str(tmp_path))), 1)
    (found,) = session_processes(str(tmp_path))
    assert is_alive(found)
    os.kill(zombie.pid, signal.SIGKILL)
    stat = Path(f"/proc/{zombie.pid}/stat")
    wait_for(lambda: stat.read_text().rpartition(")")[2].split()[0], "Z")
    assert not is_alive(found)
    assert pids(tmp_path) == []
    zombie.communicate()
    assert not is_alive(found)


def test_another_process_with_the_same_pid_is_not_the_one(fakes: Fakes, tmp_path: Path) -> None:
    fakes.raylet(tmp_path)
    (found,) = session_processes(str(tmp_path))
    assert is_alive(found)
    assert not is_alive(replace(found, start=found.start - 1))


def test_who_asks_and_his_ancestors_do_not_belong(tmp_path: Path) -> None:
    """The node-side program runs below a shell that carries the directory's environment variable."""
    words = command_line(sys.executable, kill_raylet, {"temp_dir": str(tmp_path)}, "")
    asked = subprocess.run(
        ["sh", "-c", '"$@"; true', "sh", *words],
        env={**os.environ, COOKIE: str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
        timeout=20,
    )
    assert json.loads(asked.stdout.removeprefix(ANSWER)) == {"pid": None}
    probe = (
        "import json, sys; sys.path.insert(0, sys.argv[1]); from sage_cluster.on_node.sessions import *; "
        "print(len(session_processes(sys.argv[2])))"
    )
    libraries = str(Path(sys.modules["sage_cluster"].__file__ or "").parents[1])
    counted = subprocess.run(
        ["sh", "-c", '"$0" -c "$1" "$2" "$3"; true', sys.executable, probe, libraries, str(tmp_path)],
        env={**os.environ, COOKIE: str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
        timeout=20,
    )
    assert counted.stdout.strip() == "0"


def test_sessions_go_and_their_logs_stay(tmp_path: Path) -> None:
    temp_dir, log_dir = tmp_path / "ray", tmp_path / "kept" / "logs"
    make_session(temp_dir, SESSION, "one\n")
    make_session(temp_dir, OTHER_SESSION, "two\n")
    (temp_dir / "session_latest").symlink_to(temp_dir / OTHER_SESSION)
    (temp_dir / "ray_current_cluster").write_text("10.0.0.1:6379")
    assert remove_sessions(str(temp_dir), str(log_dir), 5) == [SESSION, OTHER_SESSION]
    assert list(temp_dir.iterdir()) == []
    assert (log_dir / SESSION / "raylet.out").read_text() == "one\n"
    assert (log_dir / OTHER_SESSION / "raylet.out").read_text() == "two\n"
    assert remove_sessions(str(temp_dir), str(log_dir), 5) == []


@pytest.mark.parametrize(("keep", "left"), [(0, []), (1, [4]), (3, [2, 3, 4]), (9, [1, 2, 3, 4])])
def test_only_the_newest_logs_are_kept(tmp_path: Path, keep: int, left: list[int]) -> None:
    log_dir = tmp_path / "logs"
    names = {day: f"session_2026-01-0{day}_03-04-05_678901_42" for day in (1, 2, 3, 4)}
    for name in list(names.values())[:3]:
        (log_dir / name).mkdir(parents=True)
    (log_dir / "notes").mkdir()
    make_session(tmp_path / "ray", names[4])
    remove_sessions(str(tmp_path / "ray"), str(log_dir), keep)
    assert {p.name for p in log_dir.iterdir()} == {"notes", *(names[day] for day in left)}


def test_without_a_log_directory_the_logs_go_too(tmp_path: Path) -> None:
    make_session(tmp_path, SESSION)
    assert remove_sessions(str(tmp_path), "", 5) == [SESSION]
    assert list(tmp_path.iterdir()) == []


def test_no_link_is_followed_and_no_other_name_touched(tmp_path: Path) -> None:
    temp_dir, precious = tmp_path / "ray", tmp_path / "precious"
    make_session(precious, "data")
    make_session(temp_dir, SESSION)
    (temp_dir / OTHER_SESSION).symlink_to(precious)
    (temp_dir / SESSION / "sockets" / "out").symlink_to(precious)
    for name in ("my_session_2026", "sessions", "notes.txt"):
        (temp_dir / name).mkdir()
    assert session_directories(str(temp_dir)) == [temp_dir / SESSION]
    assert remove_sessions(str(temp_dir), str(tmp_path / "logs"), 5) == [SESSION]
    assert {p.name for p in temp_dir.iterdir()} == {"my_session_2026", "sessions", "notes.txt", OTHER_SESSION}
    assert (precious / "data" / "logs" / "raylet.out").read_text() == "it ran\n"


def test_a_users_own_directory_named_like_a_session_is_not_touched(tmp_path: Path) -> None:
    make_session(tmp_path, SESSION)
    (tmp_path / "session_notes").mkdir()
    (tmp_path / "session_notes" / "plan.txt").write_text("mine")
    remove_sessions(str(tmp_path), "", 5)
    assert (tmp_path / "session_notes" / "plan.txt").exists()


def test_logs_kept_in_the_temporary_directory_itself_are_not_lost(tmp_path: Path) -> None:
    make_session(tmp_path, SESSION, "why it died\n")
    remove_sessions(str(tmp_path), str(tmp_path), 5)
    assert [p.read_text() for p in tmp_path.rglob("raylet.out")] == ["why it died\n"]


def test_a_link_among_the_kept_logs_does_not_stop_the_clearing(tmp_path: Path) -> None:
    log_dir = tmp_path / "logs"
    precious = tmp_path / "precious"
    make_session(precious, "data")
    log_dir.mkdir()
    (log_dir / "session_2026-01-01_03-04-05_678901_42").symlink_to(precious)
    make_session(tmp_path / "ray", SESSION)
    assert remove_sessions(str(tmp_path / "ray"), str(log_dir), 1) == [SESSION]
    assert (log_dir / SESSION).is_dir()
    assert (precious / "data" / "logs" / "raylet.out").exists()


def test_a_directory_that_is_not_there_has_no_sessions(tmp_path: Path) -> None:
    assert session_directories(str(tmp_path / "none")) == []
    assert remove_sessions(str(tmp_path / "none"), "", 5) == []


def test_a_session_that_goes_on_after_a_crash_keeps_the_logs_of_each_time(tmp_path: Path) -> None:
    temp_dir, log_dir = tmp_path / "ray", tmp_path / "logs"
    for number in range(5):
        make_session(temp_dir, SESSION, f"{number}\n")
        remove_sessions(str(temp_dir), str(log_dir), 3)
    assert [(p / "raylet.out").read_text() for p in sorted(log_dir.iterdir())] == ["2\n", "3\n", "4\n"]
