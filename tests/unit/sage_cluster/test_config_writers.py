"""Many writers lose nothing; a writer that dies or fails leaves a whole file."""

import fcntl
import json
import multiprocessing
import os
import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from sage_cluster.config_manager import ConfigManager
from sage_cluster.errors import ConfigBusyError, ConfigError
from sage_cluster.state.holder import myself

TEXT = "# top\nhead: {host: h}\nworkers_ssh_hosts: [{host: first, port: 22}]  # mine\n"

DIE_AT = """
import os, signal, sys
from sage_cluster.config_manager import ConfigManager

def hook(event, arguments):
    if event == sys.argv[2] and str(arguments[0]).endswith(".new"):
        os.kill(os.getpid(), signal.SIGKILL)

manager = ConfigManager(sys.argv[1])
sys.addaudithook(hook)
manager.add_worker_ssh_host("late")
"""

DIE_IN_THE_WRITE = """
import resource, signal, sys
from sage_cluster.config_manager import ConfigManager

manager = ConfigManager(sys.argv[1], lock_timeout=1)
signal.signal(signal.SIGXFSZ, signal.SIG_DFL if sys.argv[2] == "die" else signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
resource.setrlimit(resource.RLIMIT_FSIZE, (40, 40))
manager.add_worker_ssh_host("late")
"""


@pytest.fixture(name="file")
def _file(tmp_path: Path) -> Path:
    file = tmp_path / "config.yaml"
    file.write_text(TEXT)
    return file


def add_five(file: Path, name: str) -> None:
    manager = ConfigManager(file, lock_timeout=60)
    for index in range(5):
        assert manager.add_worker_ssh_host(f"{name}-{index}")


def names(file: Path) -> set[str]:
    return {host for host, _ in ConfigManager(file).get_workers_ssh_hosts()}


def expected(prefix: str) -> set[str]:
    return {"first"} | {f"{prefix}{number}-{index}" for number in range(8) for index in range(5)}


def test_eight_processes_lose_nothing(file: Path) -> None:
    fork = multiprocessing.get_context("fork")
    writers = [fork.Process(target=add_five, args=(file, f"p{number}")) for number in range(8)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    assert [writer.exitcode for writer in writers] == [0] * 8
    assert names(file) == expected("p")
    assert file.read_text().startswith("# top\nhead: {host: h}\n")


def test_eight_threads_with_one_manager_lose_nothing(file: Path) -> None:
    manager = ConfigManager(file, lock_timeout=60)

    def add(name: str) -> None:
        for index in range(5):
            manager.add_worker_ssh_host(f"{name}-{index}")

    threads = [threading.Thread(target=add, args=(f"t{number}",)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert names(file) == expected("t")


def run(script: str, file: Path, argument: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", script, str(file), argument]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)


@pytest.mark.parametrize("event", ["open", "os.rename"])
def test_killed_before_the_write_or_the_rename(file: Path, event: str) -> None:
    assert run(DIE_AT, file, event).returncode == -signal.SIGKILL
    assert (file.with_name(".config.yaml.new")).exists() == (event == "os.rename")
    assert file.read_text() == TEXT
    add_five(file, "next")
    assert sorted(entry.name for entry in file.parent.iterdir()) == [".config.yaml.lock", "config.yaml"]


def test_killed_in_the_middle_of_the_write(file: Path) -> None:
    assert run(DIE_IN_THE_WRITE, file, "die").returncode == -signal.SIGXFSZ
    assert file.with_name(".config.yaml.new").stat().st_size == 40
    assert file.read_text() == TEXT
    assert ConfigManager(file).add_worker_ssh_host("next")
    assert names(file) == {"first", "next"}


def test_a_failed_write_leaves_the_old_file_and_nothing_else(file: Path) -> None:
    done = run(DIE_IN_THE_WRITE, file, "fail")
    assert done.returncode == 1
    assert f"{file}: cannot be written: File too large" in done.stderr
    assert file.read_text() == TEXT
    assert not file.with_name(".config.yaml.new").exists()


def test_busy_names_the_process(file: Path) -> None:
    with file.with_name(".config.yaml.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.write(json.dumps(myself("write config.yaml")))
        lock.flush()
        with pytest.raises(ConfigBusyError, match=f"process {os.getpid()} has been writing it for more than 0.1 s"):
            ConfigManager(file, lock_timeout=0.1).add_worker_ssh_host("x")
    assert file.read_text() == TEXT
    assert ConfigManager(file, lock_timeout=0.1).add_worker_ssh_host("x")


def test_mode_owner_and_symbolic_link_are_kept(file: Path, tmp_path: Path) -> None:
    file.chmod(0o640)
    if os.geteuid() == 0:
        os.chown(file, 1234, 2345)
    before = file.stat()
    link = tmp_path / "elsewhere" / "link.yaml"
    link.parent.mkdir()
    link.symlink_to("../config.yaml")
    assert ConfigManager(link).add_worker_ssh_host("x")
    assert link.is_symlink()
    after = file.stat()
    assert (stat.S_IMODE(after.st_mode), after.st_uid, after.st_gid) == (0o640, before.st_uid, before.st_gid)
    assert names(file) == {"first", "x"}
    assert [entry.name for entry in link.parent.iterdir()] == ["link.yaml"]


def test_a_directory_that_cannot_be_made(file: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be locked for writing"):
        ConfigManager(file / "config.yaml").save_config({})
