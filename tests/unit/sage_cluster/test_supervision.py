"""The supervisor as a process: one per cluster, found, ended, and gone with its configuration; and its membership."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from sage_cluster.errors import SageError
from sage_cluster.operations.membership import Membership
from sage_cluster.operations.operations import Operations
from sage_cluster.supervision.process import SupervisorProcess
from tests.support.waiting import wait_for


@pytest.fixture
def config_path(tmp_path: Path) -> Path:
    path = tmp_path / "config.yaml"
    path.write_text("head: {host: 127.0.0.1, ssh_port: 1}\nssh: {retries: 0, connect_timeout: 1}\n")
    return path


def events(config_path: Path) -> list[str]:
    return [event["event"] for event in Operations(config_path).journal.last()]


def test_only_a_killed_supervisor_has_died(config_path: Path) -> None:
    supervision = SupervisorProcess(config_path)
    assert supervision.died() == 0
    first = supervision.begin()
    supervision.await_running(first)
    assert first is not None
    assert supervision.died() == 0
    first.kill()
    first.wait(5)
    assert supervision.died() == first.pid
    supervision.await_running(supervision.begin())
    assert supervision.end() is True
    assert supervision.died() == 0


def test_one_supervises_until_it_is_ended(config_path: Path) -> None:
    supervision = SupervisorProcess(config_path)
    assert not supervision.is_running()
    assert supervision.end() is False
    process = supervision.begin()
    assert process is not None
    supervision.await_running(process)
    assert supervision.begin() is None
    with pytest.raises(SageError, match=f"process {process.pid} supervises this cluster already"):
        SupervisorProcess(config_path).run()
    assert supervision.end() is True
    assert process.wait(5) == 0
    assert not supervision.is_running()
    assert events(config_path) == ["supervisor started", "supervisor stopped"]


def test_a_killed_supervisor_blocks_no_other(config_path: Path) -> None:
    supervision = SupervisorProcess(config_path)
    first = supervision.begin()
    supervision.await_running(first)
    assert first is not None
    os.kill(first.pid, signal.SIGKILL)
    first.wait(5)
    assert supervision.states() == {}
    second = supervision.begin()
    supervision.await_running(second)
    assert supervision.end() is True


def test_it_ends_with_its_configuration(config_path: Path) -> None:
    supervision = SupervisorProcess(config_path)
    process = supervision.begin()
    supervision.await_running(process)
    assert process is not None
    config_path.unlink()
    assert process.wait(10) == 0


def test_nothing_of_the_current_directory_is_run(
    config_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = tmp_path / "anybody's"
    here.mkdir()
    for name in ("yaml.py", "sage_cluster.py", "logging.py"):
        (here / name).write_text("import os, pathlib; pathlib.Path(__file__).with_name('ran').touch(); os._exit(3)\n")
        (config_path.parent / name).write_text((here / name).read_text())
    monkeypatch.chdir(here)
    supervision = SupervisorProcess(config_path)
    supervision.await_running(supervision.begin())
    assert supervision.end() is True
    assert list(tmp_path.rglob("ran")) == []


def test_a_supervisor_that_cannot_start_is_told_with_its_own_words(config_path: Path) -> None:
    config_path.write_text("head: {head_port: 99999}\n")
    supervision = SupervisorProcess(config_path)
    with pytest.raises(SageError, match=r"head\.head_port"):
        supervision.await_running(supervision.begin())


def test_a_wanted_node_that_never_answers_is_lost_and_published(config_path: Path) -> None:
    Membership(config_path).want(["127.0.0.1"])
    supervision = SupervisorProcess(config_path)
    supervision.await_running(supervision.begin())
    try:
        wait_for(lambda: supervision.states().get("127.0.0.1", {}).get("state"), "lost")
        assert "refused" in supervision.states()["127.0.0.1"]["reason"]
        Membership(config_path).unwant(["127.0.0.1"])
    finally:
        assert supervision.end() is True


def test_membership_is_what_was_wanted_and_not_unwanted(config_path: Path) -> None:
    assert Membership(config_path).wanted() == frozenset()
    Membership(config_path).want(["head", "worker-1"])
    Membership(config_path).want(["worker-2"])
    Membership(config_path).unwant(["worker-1", "nobody"])
    assert Membership(config_path).wanted() == {"head", "worker-2"}


def test_membership_knows_who_wanted_a_node_last_and_when(config_path: Path) -> None:
    Membership(config_path).want(["head", "worker-1"])
    first = Membership(config_path).starts()
    assert first["head"] == first["worker-1"]
    assert first["head"].pid == os.getpid()
    Membership(config_path).want(["head"])
    second = Membership(config_path).starts()
    assert second["worker-1"] == first["worker-1"]
    assert second["head"].at > first["head"].at


def test_a_configuration_that_is_broken_for_long_is_told_once(config_path: Path) -> None:
    supervision = SupervisorProcess(config_path)
    supervision.await_running(supervision.begin())
    try:
        config_path.write_text("head: {head_port: 99999}\n")
        wait_for(lambda: "configuration refused" in events(config_path))
        seen = time.monotonic()
        wait_for(lambda: time.monotonic() - seen > 2.5)  # longer than it takes to look twice again
    finally:
        assert supervision.end() is True
    assert events(config_path).count("configuration refused") == 1


def test_membership_as_it_was_written_without_starts_is_read(config_path: Path) -> None:
    config_path.with_name(f".{config_path.name}.wanted").write_text('["head", "worker-1"]')
    Membership(config_path).want(["worker-2"])
    assert Membership(config_path).wanted() == {"head", "worker-1", "worker-2"}
