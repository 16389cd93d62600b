"""Other users of a node: their processes and files are left alone, and they can neither block nor mislead ours.

Only root can play another user here.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sage_cluster.nodes.program import ANSWER, command_line
from sage_cluster.on_node.probe import probe
from sage_cluster.on_node.processes import read_process, send
from sage_cluster.on_node.sessions import ForeignRayError, remove_sessions, session_directories
from sage_cluster.on_node.start import StartError, start
from sage_cluster.on_node.stop import kill_raylet, stop
from tests.support.processes import Fakes
from tests.support.ray_program import fake_ray, head_spec
from tests.support.sessions import OTHER_SESSION, SESSION, make_session, pids

NOBODY = 65534
PYTHON = "/usr/bin/python3"
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can run programs as another user")


def foreign_raylet(temp_dir: Path) -> subprocess.Popen[bytes]:
    """A raylet of user nobody, which runs until its standard input closes."""
    words = ["/opt/ray/raylet", "-c", "echo; read _", f"--session-dir={temp_dir}/{SESSION}"]
    process = subprocess.Popen(words, executable="/bin/sh", stdin=subprocess.PIPE, stdout=subprocess.PIPE, user=NOBODY)
    assert process.stdout
    assert process.stdout.readline() == b"\n"
    return process


@pytest.fixture
def foreign(temp_dir: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Another user's Ray in this directory: a raylet and its session. It still runs when the test ends."""
    make_session(temp_dir, SESSION)
    for path in (temp_dir, *temp_dir.rglob("*")):
        os.chown(path, NOBODY, NOBODY)
    with foreign_raylet(temp_dir) as process:
        yield process
        assert process.poll() is None, "another user's process was ended"
        assert (temp_dir / SESSION / "logs/raylet.out").exists(), "another user's session was deleted"
        process.kill()


def spec_of(temp_dir: Path) -> dict[str, Any]:
    return head_spec(temp_dir, "/none/ray", grace=0.5, versions=False)


@as_root
@pytest.mark.parametrize("command", [start, stop, kill_raylet])
def test_another_users_ray_is_named_and_left_alone(
    foreign: subprocess.Popen[bytes], tmp_path: Path, temp_dir: Path, command: Callable[[Any], object]
) -> None:
    spec = {**spec_of(temp_dir), "ray_command": fake_ray(tmp_path, "raylet; gcs")}
    with pytest.raises(ForeignRayError) as caught:
        command(spec)
    assert str(caught.value) == (
        f"the Ray of user 'nobody' runs in {temp_dir} (raylet, process {foreign.pid}) and was left alone; "
        "give this cluster a temp_dir of its own"
    )


@as_root
@pytest.mark.usefixtures("foreign")
def test_a_status_shows_another_users_ray_as_a_problem_and_not_as_ones_own(temp_dir: Path) -> None:
    said = probe(spec_of(temp_dir))
    assert (said["processes"], said["raylet"], said["sessions"]) == ([], None, [])
    assert "the Ray of user 'nobody' runs in" in said["ray_problem"]


@as_root
def test_a_stop_ends_what_is_ours_beside_another_users_ray(
    foreign: subprocess.Popen[bytes], fakes: Fakes, temp_dir: Path
) -> None:
    own = fakes.raylet(temp_dir, session=OTHER_SESSION, node_id="def")
    assert pids(temp_dir) == [own]
    with pytest.raises(ForeignRayError, match=f"process {foreign.pid}"):
        stop(spec_of(temp_dir))
    assert pids(temp_dir) == []


@as_root
@pytest.mark.parametrize("command", [stop, kill_raylet, probe])
def test_an_ordinary_user_is_told_of_roots_ray_in_words(
    fakes: Fakes, temp_dir: Path, command: Callable[[Any], object]
) -> None:
    raylet = fakes.raylet(temp_dir)
    done = subprocess.run(
        command_line(PYTHON, command, spec_of(temp_dir), ""),
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
        user=NOBODY,
        cwd="/",
    )
    assert (done.returncode, done.stderr) == (0, "")
    said = json.loads(done.stdout.removeprefix(ANSWER))
    told = f"the Ray of user 'root' runs in {temp_dir} (raylet, process {raylet})"
    assert told in said["ray_problem" if command is probe else "problem"]
    assert pids(temp_dir) == [raylet]


@as_root
def test_a_process_that_may_not_be_signalled_is_no_error(fakes: Fakes) -> None:
    made = fakes.run("python")
    process = read_process(made.pid)
    assert process
    os.seteuid(NOBODY)
    try:
        send(process, signal.SIGKILL)
    finally:
        os.seteuid(0)
    assert made.poll() is None


@as_root
def test_a_directory_of_another_user_is_not_used(tmp_path: Path, temp_dir: Path) -> None:
    make_session(temp_dir, OTHER_SESSION)
    os.chown(temp_dir, NOBODY, NOBODY)
    with pytest.raises(StartError, match=f"temp_dir {temp_dir} belongs to user 'nobody'; give this cluster"):
        start(head_spec(temp_dir, fake_ray(tmp_path, "raylet; gcs")))
    assert (temp_dir / OTHER_SESSION).is_dir()


@as_root
def test_a_link_of_another_user_is_not_followed(tmp_path: Path, temp_dir: Path) -> None:
    (tmp_path / "real").mkdir()
    temp_dir.symlink_to(tmp_path / "real")
    os.lchown(temp_dir, NOBODY, NOBODY)
    with pytest.raises(StartError, match="belongs to user 'nobody'"):
        start(head_spec(temp_dir, fake_ray(tmp_path, "raylet; gcs")))


@as_root
def test_sessions_of_another_user_stay(tmp_path: Path) -> None:
    make_session(tmp_path, SESSION)
    make_session(tmp_path, OTHER_SESSION)
    os.chown(tmp_path / OTHER_SESSION, NOBODY, NOBODY)
    assert session_directories(str(tmp_path)) == [tmp_path / SESSION]
    assert remove_sessions(str(tmp_path), "", 5) == [SESSION]
    assert (tmp_path / OTHER_SESSION).is_dir()


def test_nobody_else_may_write_into_the_directory_once_ray_has_opened_it(tmp_path: Path, temp_dir: Path) -> None:
    """As Ray does: its directory gets mode 777, so that others could put a session of theirs into it."""
    temp_dir.mkdir()
    temp_dir.chmod(0o777)
    spec = head_spec(temp_dir, fake_ray(tmp_path, 'stat -c %a "$temp" > "$temp/mode"; chmod 777 "$temp"; raylet; gcs'))
    start(spec)
    assert (temp_dir / "mode").read_text() == "755\n"
    assert temp_dir.stat().st_mode & 0o7777 == 0o755


def test_a_signal_never_reaches_a_process_that_got_the_pid_since(fakes: Fakes) -> None:
    made = fakes.run("python")
    process = read_process(made.pid)
    assert process
    send(replace(process, start=process.start - 1), signal.SIGKILL)
    assert made.poll() is None
    send(process, signal.SIGKILL)
    assert made.wait(10) == -9
