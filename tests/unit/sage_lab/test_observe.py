"""What on a node is no residue of a fault: systemd's own processes, the disk that Ray takes."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from sage_lab.faults.on_node import sshd
from sage_lab.faults.on_node.observe import bytes_below, is_of_the_system


@pytest.mark.parametrize(
    "line",
    [
        "0::/system.slice/systemd-udevd.service/udev",
        "0::/system.slice/systemd-hostnamed.service",
        "0::/system.slice/cron.service",
        "0::/init.scope",
        "0::/system.slice/system-getty.slice/getty@tty1.service",
        "1:name=systemd:/system.slice/systemd-fsckd.service",
    ],
)
def test_what_systemd_runs_is_the_system_s(line: str) -> None:
    assert is_of_the_system(["5:cpu:/", line], ["/usr/bin/sh"])


def test_what_cron_runs_without_systemd_is_the_system_s() -> None:
    assert is_of_the_system(["0::/"], ["/usr/bin/find", "/usr/bin/dash", "/usr/sbin/cron", "/usr/bin/tini"])


@pytest.mark.parametrize(
    "line",
    [
        "0::/system.slice/ssh.service",
        "0::/system.slice/sshd.service",
        "0::/system.slice/system-sshd.slice/sshd@0.service",
        "0::/system.slice/docker-0123.scope",
        "0::/user.slice/user-2000.slice/session-4.scope",
        "0::/user.slice/user-0.slice/user@0.service/app.slice/systemd-left.service",
        "0::/",
    ],
)
def test_what_others_run_is_not(line: str) -> None:
    assert not is_of_the_system([line], ["/usr/bin/sleep", "/usr/bin/tini"])


@pytest.mark.parametrize("name", ["sshd-session", "sshd-auth", "session-by-any-other-name"])
def test_the_processes_of_a_session_are_known_by_where_their_program_lies(tmp_path: Path, name: str) -> None:
    """Since OpenSSH 9.8 they are not called sshd; what a session runs is none of them, whatever it is called."""
    of_openssh, elsewhere = tmp_path / "openssh", tmp_path / "bin"
    for directory in (of_openssh, elsewhere):
        directory.mkdir()
        shutil.copy("/bin/sleep", directory / name)
    (of_openssh / "sftp-server").touch()
    with (
        subprocess.Popen([of_openssh / name, "60"]) as session,
        subprocess.Popen([elsewhere / name, "60"]) as command,
    ):
        try:
            own = sshd.own_processes()
        finally:
            session.kill()
            command.kill()
    assert session.pid in own
    assert command.pid not in own


def test_the_older_session_s_program_is_the_server_itself() -> None:
    assert sshd.serves_ssh(os.path.realpath("/usr/sbin/sshd"))
    for program in ("", "/"):  # of a kernel thread, and of a process whose root is another one
        assert not sshd.serves_ssh(program)


def test_what_files_take_on_the_same_disk_is_counted(tmp_path: Path) -> None:
    (tmp_path / "session/logs").mkdir(parents=True)
    (tmp_path / "session/logs/raylet.out").write_bytes(b"x" * 1_000_000)
    (tmp_path / "session/gone").symlink_to("nowhere")
    assert 1_000_000 <= bytes_below(str(tmp_path), str(tmp_path)) < 1_100_000
    assert bytes_below(str(tmp_path / "none"), str(tmp_path)) == 0
    assert bytes_below("/proc/self", str(tmp_path)) == 0
