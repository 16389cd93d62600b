"""State files and their locks: nothing is lost, nobody else reads them, and no damage keeps anybody from working."""

from __future__ import annotations

import errno
import fcntl
import itertools
import json
import logging
import multiprocessing
import os
import random
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from sage_cluster import ClusterManager, ConfigManager
from sage_cluster.cli.main import main
from sage_cluster.errors import ClusterBusyError
from sage_cluster.operations.membership import Membership
from sage_cluster.operations.operations import Operations
from sage_cluster.state import lock as lock_module
from sage_cluster.state.holder import is_alive, myself, parse_holder, send_signal, start_of
from sage_cluster.state.json_file import JsonFile
from sage_cluster.state.lock import Lock, NotFreeError
from sage_cluster.state.paths import StatePaths
from sage_cluster.supervision.process import SupervisorProcess
from sage_cluster.waiting import wait_until
from tests.support.waiting import wait_for

CONFIG = "head: {host: 127.0.0.1, ssh_port: 1}\nssh: {retries: 0, connect_timeout: 1}\n"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "config.yaml"
    path.write_text(CONFIG)
    return path


@pytest.fixture
def stranger() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        yield process
        process.kill()


def full_disk(*_: Any) -> int:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def holder_of(process: subprocess.Popen[bytes]) -> dict[str, Any]:
    return {**myself("supervise"), "pid": process.pid, "start": start_of(process.pid)}


def test_every_file_beside_the_configuration_is_for_its_owner_alone(config: Path) -> None:
    config.chmod(0o600)
    old = os.umask(0)
    try:
        ConfigManager(config).set("head.head_port", 6380)
        Membership(config).want(["127.0.0.1"])
        with Operations(config).exclusive("start cluster"):
            pass
        supervision = SupervisorProcess(config)
        supervision.await_running(supervision.begin())
        wait_for(StatePaths.beside(config).supervisor_states.exists)
        modes = {one.name: oct(stat.S_IMODE(one.stat().st_mode)) for one in config.parent.iterdir()}
        assert supervision.end()
    finally:
        os.umask(old)
    assert set(modes.values()) == {"0o600"}, modes
    assert len(modes) >= 8


def test_a_lock_that_anybody_could_read_and_hold_is_closed_to_others(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    lock.touch(0o666)
    lock.chmod(0o666)
    with Lock(lock).held("work"):
        assert stat.S_IMODE(lock.stat().st_mode) == 0o600


def test_two_names_of_one_file_are_one_cluster(config: Path, tmp_path: Path) -> None:
    link = tmp_path / "elsewhere" / "link.yaml"
    link.parent.mkdir()
    link.symlink_to(config)
    with (
        Operations(config).exclusive("start cluster"),
        pytest.raises(ClusterBusyError, match="'start cluster'"),
        Operations(link).exclusive("stop cluster"),
    ):
        pass
    Membership(link).want(["a"])
    assert Membership(config).wanted() == {"a"}
    supervision = SupervisorProcess(config)
    supervision.await_running(supervision.begin())
    try:
        assert SupervisorProcess(link).is_running()
    finally:
        supervision.end()
    assert [one.name for one in link.parent.iterdir()] == ["link.yaml"]


def test_configurations_side_by_side_share_no_file(tmp_path: Path) -> None:
    names = ("config.yaml", "config.yml", "config", "config.json")
    paths = [path for name in names for path in vars(StatePaths.beside(tmp_path / name)).values()]
    assert len(set(paths)) == len(paths)
    assert StatePaths.beside(tmp_path / "config.yaml").journal == tmp_path / "config.journal.jsonl"


def test_a_holder_is_told_from_another_process_with_its_number() -> None:
    holder = myself("work")
    assert parse_holder(json.dumps(holder)) == holder
    assert is_alive(holder)
    assert not is_alive({**holder, "start": holder["start"] - 1})
    assert not is_alive({**holder, "host": "elsewhere"})


@pytest.mark.parametrize(
    "text", ["", "12", "null", "{", '{"pid": 1}', "[" * 100_000, json.dumps({**myself("x"), "pid": -1}), "\x00" * 40]
)
def test_what_names_no_holder_names_none(tmp_path: Path, text: str) -> None:
    lock = Lock(tmp_path / "lock")
    lock.path.write_text(text)
    assert (lock.current(), lock.left_behind(), lock.is_held()) == (None, None, False)
    with lock.held("work") as left_behind:
        assert left_behind is None
        current = lock.current()
    assert current
    assert (current["operation"], current["pid"]) == ("work", os.getpid())


def test_a_process_that_has_ended_is_no_holder_though_nobody_took_note(stranger: subprocess.Popen[bytes]) -> None:
    holder = holder_of(stranger)
    stranger.kill()
    os.waitid(os.P_PID, stranger.pid, os.WEXITED | os.WNOWAIT)
    assert not is_alive(parse_holder(json.dumps(holder)) or myself("nothing"))


def test_a_lock_removed_while_it_is_waited_for_is_no_second_lock(tmp_path: Path) -> None:
    lock = Lock(tmp_path / "lock")
    held, release, got = threading.Event(), threading.Event(), threading.Event()

    def hold() -> None:
        with lock.held("first"):
            held.set()
            release.wait(10)

    def follow() -> None:
        with lock.held("second", wait=10):
            got.set()

    threads = [threading.Thread(target=hold), threading.Thread(target=follow)]
    threads[0].start()
    assert held.wait(5)
    lock.path.unlink()
    with lock.held("third"):
        threads[1].start()
        release.set()
        threads[0].join(5)
        assert not got.wait(0.3)
        assert (lock.current() or {})["operation"] == "third"
    threads[1].join(5)
    assert got.is_set()


def test_a_lock_names_its_holder_on_a_full_disk_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lock = Lock(tmp_path / "lock")
    with lock.held("first"):
        size = lock.path.stat().st_size
    assert lock.path.stat().st_size == size, "the room was given back"
    monkeypatch.setattr(lock_module.os, "pwrite", full_disk)
    with lock.held("second"), pytest.raises(NotFreeError), lock.held("third"):
        pass


def test_an_operation_of_another_machine_counts_as_running(config: Path) -> None:
    path = StatePaths.beside(config).operation_lock
    holder = {**myself("start cluster"), "host": "elsewhere", "pid": 1}
    path.write_text(json.dumps(holder))
    operations = Operations(config)
    assert (operations.current(), operations.interrupted()) == (holder, None)
    with pytest.raises(ClusterBusyError, match="'start cluster' by process 1 on elsewhere") as caught:
        operations.exclusive("stop cluster").__enter__()
    assert f"remove {path} if it ended there" in caught.value.fix
    threading.Timer(0.2, path.unlink).start()
    with operations.exclusive("stop cluster", wait=10):
        pass


def test_only_the_recorded_process_is_signalled(stranger: subprocess.Popen[bytes]) -> None:
    holder = parse_holder(json.dumps(holder_of(stranger)))
    assert holder
    mine = {os.geteuid()}
    send_signal({**holder, "start": holder["start"] + 1}, signal.SIGKILL, mine)
    send_signal({**holder, "host": "elsewhere"}, signal.SIGKILL, mine)
    with pytest.raises(PermissionError):
        send_signal(holder, signal.SIGKILL, {os.geteuid() + 1})
    assert stranger.poll() is None
    send_signal(holder, signal.SIGKILL, mine)
    assert stranger.wait(5) == -signal.SIGKILL
    send_signal(holder, signal.SIGKILL, mine)


def test_a_good_file_that_came_meanwhile_is_not_put_aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "state"
    path.write_text("torn")
    file: JsonFile[list[int]] = JsonFile(path, list, [], "nothing is known")
    with lock_module.Lock(tmp_path / ".state.lock").held("write"):
        reader = threading.Thread(target=file.read)
        reader.start()
        reader.join(0.2)
        path.write_text("[1]")
    reader.join(10)
    assert file.read() == [1]
    assert not path.with_name("state.unreadable").exists()


def test_a_pipe_in_the_place_of_a_state_file_holds_up_nobody(tmp_path: Path) -> None:
    path = tmp_path / "state"
    os.mkfifo(path)
    assert JsonFile(path, list, [], "nothing is known").read() == []
    assert path.with_name("state.unreadable").exists()


def test_no_room_is_needed_to_want_nobody(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    membership = Membership(config)
    membership.want(["a", "b"])
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
    monkeypatch.setattr(os, "pwrite", full_disk)
    monkeypatch.setattr(os, "fdopen", full_disk_for_writers(os.fdopen))
    membership.unwant_all()
    monkeypatch.undo()
    assert membership.wanted() == frozenset()


def full_disk_for_writers(fdopen: Any) -> Any:
    def opened(descriptor: int, mode: str = "r", *rest: Any) -> Any:
        if "w" in mode:
            os.close(descriptor)
            full_disk()
        return fdopen(descriptor, mode, *rest)

    return opened


def test_a_supervisors_file_that_cannot_be_read_is_put_aside(config: Path, caplog: pytest.LogCaptureFixture) -> None:
    supervision = SupervisorProcess(config)
    path = StatePaths.beside(config).supervisor_states
    with Lock(StatePaths.beside(config).supervisor_lock).held("supervise"):
        for text in ("", "12", '{"head": 3}', '{"head": {"state": 1, "reason": ""}}', "{"):
            path.write_text(text)
            with caplog.at_level(logging.WARNING):
                assert supervision.states() == {}
            assert str(path) in caplog.text
            assert path.with_name(f"{path.name}.unreadable").read_text() == text
            caplog.clear()


def test_nobody_else_is_ended_in_the_place_of_a_supervisor(config: Path, stranger: subprocess.Popen[bytes]) -> None:
    """Whoever holds the lock: the process that its file names has to be the one that was recorded."""
    path = StatePaths.beside(config).supervisor_lock
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        for said in (str(stranger.pid), json.dumps({**holder_of(stranger), "start": 1})):
            path.write_text(said)
            with pytest.raises(Exception, match="does not say who it is"):
                SupervisorProcess(config).end()
        path.write_text(json.dumps({**holder_of(stranger), "host": "elsewhere"}))
        with pytest.raises(Exception, match="on elsewhere"):
            SupervisorProcess(config).end()
    assert stranger.poll() is None


STATE_FILES = [name for name in StatePaths.__dataclass_fields__ if name != "supervisor_log"]


@pytest.mark.parametrize("text", ["", "123", "{", '{"head": {"x": 1}}', "[" * 100_000, "\x00" * 100])
def test_the_cluster_can_be_stopped_and_asked_whatever_its_state_files_say(config: Path, text: str) -> None:
    paths = StatePaths.beside(config)
    for name in STATE_FILES:
        getattr(paths, name).write_text(text)
    manager = ClusterManager(ConfigManager(config))
    assert manager.status_cluster().head.state == "unreachable"
    for name in STATE_FILES:
        getattr(paths, name).write_text(text)
    stopped = manager.stop_cluster()
    assert [node.phase for node in stopped.nodes] == ["stopping"], stopped.message
    assert "refused" in stopped.message
    assert manager.operations.journal.last(1)[0]["event"] == "end"
    told = CliRunner().invoke(main, ["--config", str(config), "journal"], catch_exceptions=False)
    assert told.exit_code == 0


def test_a_supervisor_of_another_machine_is_told_and_the_cluster_stopped_all_the_same(config: Path) -> None:
    path = StatePaths.beside(config).supervisor_lock
    Membership(config).want(["127.0.0.1"])
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        path.write_text(json.dumps({**myself("supervise"), "host": "elsewhere"}))
        manager = ClusterManager(ConfigManager(config))
        stopped = manager.stop_cluster()
    assert "the supervisor is process" in stopped.message
    assert "stop the cluster on elsewhere" in stopped.message
    assert [node.name for node in stopped.nodes] == ["127.0.0.1"]
    assert Membership(config).wanted() == frozenset()


def test_the_status_names_an_operation_of_another_machine(config: Path) -> None:
    holder = {**myself("start cluster"), "host": "elsewhere", "pid": 1}
    StatePaths.beside(config).operation_lock.write_text(json.dumps(holder))
    (warning,) = ClusterManager(ConfigManager(config)).status_cluster().warnings
    assert warning.startswith("'start cluster' by process 1 on elsewhere since ")


def work_for_ever(config: Path) -> None:
    manager, membership, operations = ConfigManager(config), Membership(config), Operations(config)
    for number in itertools.count():
        with operations.exclusive("start cluster", wait=5):
            membership.want(["127.0.0.1", f"w{number}"])
            manager.set("monitor.refresh_interval", number % 100 + 1)
            membership.unwant([f"w{number}"])


def test_a_writer_killed_at_any_moment_leaves_whole_files_and_free_locks(
    config: Path, caplog: pytest.LogCaptureFixture
) -> None:
    fork = multiprocessing.get_context("fork")
    moments = random.Random(13)

    def begun(count: int, pid: int | None = None) -> int:
        events = [event for event in Operations(config).journal.last(count) if pid in (None, event["pid"])]
        return sum((event["event"], event["operation"]) == ("begin", "start cluster") for event in events)

    def has_worked(pid: int | None) -> bool:
        return begun(100, pid) >= 3

    for number in range(50):
        writer = fork.Process(target=work_for_ever, args=(config,))
        writer.start()
        if number % 2:  # the others are killed as they begin, on a busy machine before they have done anything
            assert wait_until(partial(has_worked, writer.pid), 20), "it hardly came to work"
        writer.join(moments.uniform(0.0, 0.08))
        writer.kill()
        writer.join(10)
        with Operations(config).exclusive("stop cluster"):
            assert Membership(config).wanted() <= {"127.0.0.1", *(f"w{number}" for number in range(1000))}
            ConfigManager(config).load()
    assert begun(100_000) > 50, "they hardly came to work"
    assert list(config.parent.glob("*.unreadable")) == []
    assert "put aside" not in caplog.text
    assert len(list(config.parent.iterdir())) <= 10, "what the killed ones left piles up"
