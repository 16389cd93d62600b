"""Which processes of a node nobody asks about."""

from __future__ import annotations

import pytest

from sage_lab.faults.on_node.observe import is_of_systemd


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
