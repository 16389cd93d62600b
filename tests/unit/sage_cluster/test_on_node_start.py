"""Starting Ray on a node, with a shell script that plays `ray` and leaves real processes."""

from __future__ import annotations

import socket
import time
from pathlib import Path
from typing import Any

import pytest

from sage_cluster.on_node.environment import EnvironmentNotFoundError, RayEnvironment
from sage_cluster.on_node.sessions import COOKIE, session_processes
from sage_cluster.on_node.start import RayStartFailedError, StartError, ray_start_command, start
from tests.support.ports import free_port
from tests.support.processes import LISTEN, Fakes
from tests.support.programs import make_program
from tests.support.ray_program import fake_ray, head_spec, worker_spec
from tests.support.sessions import OTHER_SESSION, SESSION, make_session, pids


def test_a_path_that_ray_cannot_bear_is_named_before_anything_is_done(tmp_path: Path, temp_dir: Path) -> None:
    """Through a link too: Ray goes by where its files really are."""
    fake_ray(tmp_path / "with space", "true")
    link = tmp_path / "ray-command"
    link.symlink_to(tmp_path / "with space/bin/ray")
    with pytest.raises(StartError, match=r"from '.*/with space/bin/ray', since the path has a space; move it"):
        start(head_spec(temp_dir, str(link)))
    assert not temp_dir.exists()


ENVIRONMENT = RayEnvironment("/opt/ray/bin/ray", "/opt/ray/bin/python", (), {})


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({}, ["--include-dashboard=false"]),
        (
            {"dashboard": True},
            ["--include-dashboard=true", "--dashboard-host=0.0.0.0", "--dashboard-port=8265"],
        ),
        ({"num_cpus": 0}, ["--include-dashboard=false", "--num-cpus=0"]),
        (
            {"num_cpus": 2, "object_store_memory": 80_000_000, "ray_args": ["--labels=a b", "-v"]},
            ["--include-dashboard=false", "--num-cpus=2", "--object-store-memory=80000000", "--labels=a b", "-v"],
        ),
    ],
)
def test_the_heads_command(tmp_path: Path, more: dict[str, Any], expected: list[str]) -> None:
    spec = head_spec(tmp_path, "", head_port=6380, **more)
    assert ray_start_command(spec, ENVIRONMENT, "10.0.0.1") == [
        "/opt/ray/bin/ray",
        "start",
        "--node-ip-address=10.0.0.1",
        f"--temp-dir={tmp_path}",
        "--node-name=head",
        "--disable-usage-stats",
        "--head",
        "--port=6380",
        *expected,
    ]


def test_a_workers_command_names_the_heads_address_and_no_dashboard(tmp_path: Path) -> None:
    command = ray_start_command(worker_spec(tmp_path, "", 6380, dashboard=True), ENVIRONMENT, "10.0.0.2")
    assert "--address=127.0.0.1:6380" in command
    assert "--node-ip-address=10.0.0.2" in command
    assert not [word for word in command if "dashboard" in word or word in ("--head", "--port=6380")]


def test_a_head_starts_and_answers_with_its_raylets_identity(tmp_path: Path, temp_dir: Path) -> None:
    spec = head_spec(temp_dir, fake_ray(tmp_path, "raylet; gcs"), ssh_address="10.9.8.7")
    answer = start(spec)
    raylet = session_processes(str(temp_dir))[0]
    # "localhost" is the head's own idea of itself: the others reach it where SSH did.
    assert answer == {
        "already_running": False,
        "cleared": [],
        "command": ray_start_command(spec, RayEnvironment(spec["ray_command"], "", (), {}), "10.9.8.7"),
        "node_id": "abc",
        "session": SESSION,
        "address": "10.9.8.7",
        "gcs_address": "",
        "raylet_pid": raylet.pid,
    }
    assert (temp_dir / SESSION / "logs/arguments").read_text().splitlines() == answer["command"][1:]
    assert f"{COOKIE}={temp_dir}" in raylet.environ
    assert "RAY_USAGE_STATS_ENABLED=0" in raylet.environ


def test_a_second_start_changes_nothing(tmp_path: Path, temp_dir: Path) -> None:
    spec = head_spec(temp_dir, fake_ray(tmp_path, "raylet; gcs"))
    first = start(spec)
    before = pids(temp_dir)
    second = start(spec)
    assert second["already_running"] is True
    assert {**second, "already_running": False, "command": first["command"]} == first
    assert pids(temp_dir) == before


def test_a_worker_starts_towards_the_head(tmp_path: Path, temp_dir: Path, head: socket.socket) -> None:
    port = head.getsockname()[1]
    answer = start(worker_spec(temp_dir, fake_ray(tmp_path, "raylet"), port))
    assert (answer["address"], answer["gcs_address"]) == ("127.0.0.1", f"127.0.0.1:{port}")


def test_a_worker_of_the_heads_session_stays(fakes: Fakes, tmp_path: Path, temp_dir: Path, head: socket.socket) -> None:
    raylet = fakes.raylet(temp_dir)
    answer = start(worker_spec(temp_dir, fake_ray(tmp_path, "raylet"), head.getsockname()[1], session=SESSION))
    assert (answer["already_running"], answer["raylet_pid"]) == (True, raylet)


@pytest.mark.parametrize("fence", [False, True])
def test_the_ray_of_another_node_is_neither_taken_nor_ended(
    fakes: Fakes, tmp_path: Path, temp_dir: Path, head: socket.socket, fence: bool
) -> None:
    """As with "box:22" and "box:2222" that lead to one machine."""
    raylet = fakes.raylet(temp_dir, "--node-name=box")
    spec = worker_spec(temp_dir, fake_ray(tmp_path, "raylet"), head.getsockname()[1], name="box:2222", fence=fence)
    with pytest.raises(StartError, match=r"another node, 'box', runs on this machine in temp_dir .*of its own"):
        start(spec)
    assert pids(temp_dir) == [raylet]
    assert start({**spec, "name": "box", "fence": False})["already_running"]


def test_a_worker_of_another_session_is_cleared_and_started_anew(
    fakes: Fakes, tmp_path: Path, temp_dir: Path, head: socket.socket
) -> None:
    make_session(temp_dir, OTHER_SESSION, "its last words\n")
    old = fakes.raylet(temp_dir, session=OTHER_SESSION)
    answer = start(worker_spec(temp_dir, fake_ray(tmp_path, "raylet"), head.getsockname()[1], session=SESSION))
    assert answer["cleared"] == [f"raylet {old}", OTHER_SESSION]
    assert (answer["already_running"], answer["session"]) == (False, SESSION)
    assert pids(temp_dir) == [answer["raylet_pid"]]
    assert (Path(f"{temp_dir}-logs") / OTHER_SESSION / "raylet.out").read_text() == "its last words\n"


def test_a_head_without_its_gcs_is_cleared_and_started_anew(fakes: Fakes, tmp_path: Path, temp_dir: Path) -> None:
    old = fakes.raylet(temp_dir)
    answer = start(head_spec(temp_dir, fake_ray(tmp_path, "raylet; gcs")))
    assert answer["cleared"] == [f"raylet {old}"]
    assert old not in pids(temp_dir)


def test_what_an_unclean_death_left_is_cleared(tmp_path: Path, temp_dir: Path) -> None:
    make_session(temp_dir, OTHER_SESSION)
    answer = start(head_spec(temp_dir, fake_ray(tmp_path, "raylet; gcs")))
    assert answer["cleared"] == [OTHER_SESSION]
    assert not (temp_dir / OTHER_SESSION).exists()


@pytest.mark.parametrize("key", ["head_port", "dashboard_port"])
def test_a_taken_port_is_told_with_its_owner(fakes: Fakes, tmp_path: Path, temp_dir: Path, key: str) -> None:
    owner = fakes.run("some-server", "AF_INET", "0.0.0.0", source=LISTEN)
    spec = head_spec(temp_dir, fake_ray(tmp_path, "raylet"), dashboard=True, dashboard_port=free_port())
    with pytest.raises(StartError) as caught:
        start({**spec, key: int(fakes.said)})
    assert f"port {fakes.said} (head.{key}) is taken by process {owner.pid} (some-server" in str(caught.value)
    assert not (temp_dir / SESSION).exists()


def test_a_dashboards_port_does_not_matter_without_one(fakes: Fakes, tmp_path: Path, temp_dir: Path) -> None:
    fakes.run("some-server", "AF_INET", "0.0.0.0", source=LISTEN)
    spec = head_spec(temp_dir, fake_ray(tmp_path, "raylet"), dashboard_port=int(fakes.said))
    assert start(spec)["node_id"] == "abc"


def test_a_failing_ray_is_told_in_its_words_with_the_end_of_its_log(tmp_path: Path, temp_dir: Path) -> None:
    lines = (
        'for n in $(seq 100); do echo "raylet says $n"; done > "$temp/@/logs/raylet.out"; gcs; '
        "echo 'Version mismatch: 2.59 and 2.60'; echo 'see above' >&2; exit 3"
    ).replace("@", SESSION)
    with pytest.raises(RayStartFailedError) as caught:
        start(head_spec(temp_dir, fake_ray(tmp_path, lines)))
    message = str(caught.value)
    assert message.startswith("'ray start' ended with status 3\nVersion mismatch: 2.59 and 2.60\nsee above\n")
    assert f"--- {temp_dir}/{SESSION}/logs/raylet.out\nraylet says 86\n" in message
    assert message.endswith("raylet says 100")
    assert pids(temp_dir) == [], "what it left was not cleared"


def test_a_hanging_ray_is_ended_at_the_deadline_with_all_it_began(tmp_path: Path, temp_dir: Path) -> None:
    began = time.monotonic()
    with pytest.raises(RayStartFailedError, match=r"'ray start' gave up after \d s\nconnecting"):
        start(head_spec(temp_dir, fake_ray(tmp_path, "echo connecting; gcs; sleep 50 & wait"), timeout=1.0))
    assert time.monotonic() - began < 15
    assert pids(temp_dir) == []


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (f'gcs; echo "it crashed" > "$temp/{SESSION}/logs/raylet.out"', "the raylet had ended"),
        # A GCS that cannot read its tables ends at once, and there is never a raylet.
        (f'echo "it crashed" > "$temp/{SESSION}/logs/gcs_server.out"', "the GCS had ended"),
    ],
)
def test_a_ray_that_waits_for_a_dead_server_is_not_waited_for(
    tmp_path: Path, temp_dir: Path, lines: str, said: str
) -> None:
    began = time.monotonic()
    with pytest.raises(RayStartFailedError, match=rf"'ray start' gave up after \d s: {said}") as caught:
        start(head_spec(temp_dir, fake_ray(tmp_path, f"{lines}; sleep 50 & wait"), timeout=40.0))
    assert "it crashed" in str(caught.value)
    assert time.monotonic() - began < 20
    assert pids(temp_dir) == []


def test_a_slow_node_has_longer_until_its_raylet_is_there(tmp_path: Path, temp_dir: Path) -> None:
    lines = f'gcs; touch "$temp/{SESSION}/logs/raylet.out"; sleep {{}}; raylet'
    with pytest.raises(RayStartFailedError, match="the raylet had ended"):
        start(head_spec(temp_dir, fake_ray(tmp_path, lines.format(20)), timeout=24.0))
    assert start(head_spec(temp_dir, fake_ray(tmp_path, lines.format(2)), timeout=240.0))["raylet_pid"] > 0


@pytest.mark.parametrize("lines", ["gcs", "true"])
def test_a_ray_that_ends_well_without_a_raylet_has_failed(tmp_path: Path, temp_dir: Path, lines: str) -> None:
    with pytest.raises(RayStartFailedError, match=f"no raylet runs in {temp_dir}"):
        start(head_spec(temp_dir, fake_ray(tmp_path, lines)))
    assert pids(temp_dir) == [], "what it left was not cleared"


@pytest.mark.parametrize("place", ["ray", "file/ray"])
def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path, place: str) -> None:
    (tmp_path / place.partition("/")[0]).write_text("a file is in the way")
    directory = tmp_path / place
    with pytest.raises(StartError, match=f"temp_dir {directory} cannot be written: (File exists|Not a directory)"):
        start(head_spec(directory, fake_ray(tmp_path, "raylet")))


def test_a_head_that_does_not_listen_is_told_before_ray_is_asked(tmp_path: Path, temp_dir: Path) -> None:
    port = free_port()
    with pytest.raises(StartError, match=f"GCS at localhost:{port} does not answer from this node: Connection refused"):
        start(worker_spec(temp_dir, fake_ray(tmp_path, "raylet"), port))
    assert pids(temp_dir) == []


def test_a_head_whose_name_does_not_resolve_is_named(tmp_path: Path, temp_dir: Path) -> None:
    spec = worker_spec(temp_dir, fake_ray(tmp_path, "raylet"), 6379, head_host="no such name")
    with pytest.raises(StartError, match="the head's name 'no such name' does not resolve on this node"):
        start(spec)


def test_without_ray_nothing_is_touched(fakes: Fakes, tmp_path: Path, temp_dir: Path) -> None:
    make_session(temp_dir, OTHER_SESSION)
    with pytest.raises(EnvironmentNotFoundError):
        start(head_spec(temp_dir, str(tmp_path / "none/ray")))
    assert (temp_dir / OTHER_SESSION).is_dir()


def test_a_ray_that_is_no_program_is_a_foreseen_problem(tmp_path: Path, temp_dir: Path) -> None:
    ray = make_program(tmp_path / "bin/ray", "#!/nowhere/python\n")
    with pytest.raises(StartError, match=f"cannot run {ray}: No such file"):
        start(head_spec(temp_dir, str(ray)))


def test_a_raylet_that_ray_gave_up_is_ended_before_a_new_one_starts(tmp_path: Path, temp_dir: Path) -> None:
    spec = head_spec(temp_dir, fake_ray(tmp_path, "raylet; gcs"))
    first, again, fenced = start(spec), start(spec), start({**spec, "fence": True})
    assert (first["already_running"], again["already_running"], fenced["already_running"]) == (False, True, False)
    assert fenced["raylet_pid"] != first["raylet_pid"]
    assert pids(temp_dir)[0] == fenced["raylet_pid"]


def test_a_configured_bind_host_is_the_workers_address(tmp_path: Path, temp_dir: Path, head: socket.socket) -> None:
    spec = worker_spec(temp_dir, fake_ray(tmp_path, "raylet"), head.getsockname()[1], bind_host="127.0.0.7")
    assert "--node-ip-address=127.0.0.7" in start(spec)["command"]
