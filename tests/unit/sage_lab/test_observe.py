"""What on a node is no residue of a fault: systemd's own processes, the disk that Ray takes."""

from __future__ import annotations

from pathlib import Path

import pytest

from sage_lab.faults.on_node.observe import bytes_below, is_of_systemd


@pytest.mark.parametrize(
    "line",
    [
        "0::/system.slice/systemd-udevd.service/udev",
        "0::/system.slice/systemd-hostnamed.service",
        "1:name=systemd:/system.slice/systemd-fsckd.service",
    ],
)
def test_what_systemd_runs_for_itself_is_its_own(line: str) -> None:
    assert is_of_systemd(["5:cpu:/", line])


@pytest.mark.parametrize(
    "line",
    [
        "0::/system.slice/ssh.service",
        "0::/user.slice/user-2000.slice/session-4.scope",
        "0::/user.slice/user-0.slice/user@0.service/app.slice/systemd-left.service",
        "0::/",
    ],
)
def test_what_others_run_is_not(line: str) -> None:
    assert not is_of_systemd([line])


def test_what_files_take_on_the_same_disk_is_counted(tmp_path: Path) -> None:
    (tmp_path / "session/logs").mkdir(parents=True)
    (tmp_path / "session/logs/raylet.out").write_bytes(b"x" * 1_000_000)
    (tmp_path / "session/gone").symlink_to("nowhere")
    assert 1_000_000 <= bytes_below(str(tmp_path), str(tmp_path)) < 1_100_000
    assert bytes_below(str(tmp_path / "none"), str(tmp_path)) == 0
    assert bytes_below("/proc/self", str(tmp_path)) == 0
