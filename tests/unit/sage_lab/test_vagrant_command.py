"""The vagrant command: time limits, errors with its words, Ctrl-C, and progress; vagrant itself is replayed."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

import pytest

from sage_lab import CommandTimeoutError
from sage_lab.errors import HostCommandError, MissingProgramError
from sage_lab.providers.vagrant import command as vagrant_command
from sage_lab.providers.vagrant import provider
from sage_lab.providers.vagrant.command import VagrantCommand
from tests.support.replayed import replay


def command(tmp_path: Path, timeout: float = 20.0) -> VagrantCommand:
    return VagrantCommand(tmp_path, {"SAGE_LAB": "t-vm"}, tmp_path / "vagrant.log", timeout=timeout)


def test_the_state_of_machines_is_read_from_what_the_real_vagrant_says(programs: Path, tmp_path: Path) -> None:
    """The answer is that of Vagrant 2.3.4 with vagrant-libvirt 0.11.2 to this project's Vagrantfile."""
    said = "".join(
        f"1795379725,{name},metadata,provider,libvirt\n"
        f"1795379726,{name},provider-name,libvirt\n"
        f"1795379726,{name},state,not_created\n"
        f"1795379726,{name},state-human-short,not created\n"
        for name in ("head", "worker-1")
    )
    replay(programs, "vagrant", [{"words": ["status", "--machine-readable"], "says": said}])
    assert [(one.name, one.state) for one in command(tmp_path).status() if one.name] == [
        ("head", "not_created"),
        ("worker-1", "not_created"),
    ]


def test_an_error_has_what_vagrant_said_and_the_log_has_all(programs: Path, tmp_path: Path) -> None:
    complaint = "Error while creating domain: Error saving the server: no KVM"
    answer = {"words": ["up"], "says": "Bringing machine 'head' up\n", "complains": complaint, "status": 1}
    replay(programs, "vagrant", [answer])
    with pytest.raises(HostCommandError) as caught:
        command(tmp_path).up_together(["head"], timeout=20)
    assert "vagrant up head --provider=libvirt ended with 1" in str(caught.value)
    assert complaint in str(caught.value)
    assert "Bringing machine" in str(caught.value)
    assert complaint in (tmp_path / "vagrant.log").read_text()


def test_a_command_that_hangs_is_ended_with_all_that_it_started(programs: Path, tmp_path: Path) -> None:
    player = replay(programs, "vagrant", [{"words": ["up"], "says": "==> head: Waiting for SSH\n", "seconds": 300}])
    began = time.monotonic()
    with pytest.raises(CommandTimeoutError, match="Waiting for SSH"):
        command(tmp_path).up_together(["head"], timeout=1)
    assert time.monotonic() - began < 30
    with pytest.raises(ProcessLookupError):
        os.kill(player.calls[0]["pid"], 0)


def test_ctrl_c_in_the_terminal_does_not_reach_vagrant_itself(programs: Path, tmp_path: Path) -> None:
    player = replay(programs, "vagrant", [{"words": ["halt"]}])
    command(tmp_path).halt("head")
    call = player.calls[0]
    assert call["group"] == call["pid"] != os.getpgid(0)


def test_ctrl_c_ends_vagrant_and_is_passed_on(programs: Path, tmp_path: Path) -> None:
    player = replay(programs, "vagrant", [{"words": ["up"], "says": "==> head: Waiting\n", "seconds": 300}])
    talk = command(tmp_path)
    talk.on_line = lambda line: os.kill(os.getpid(), signal.SIGINT) if line == "==> head: Waiting" else None
    with pytest.raises(KeyboardInterrupt):
        talk.up_together(["head"], timeout=60)
    with pytest.raises(ProcessLookupError):
        os.kill(player.calls[0]["pid"], 0)


def test_a_command_that_ignores_ctrl_c_is_ended_in_a_second_way(
    programs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = tmp_path / "ended"
    (programs / "vagrant").write_text(
        f"#!/bin/bash\ntrap '' INT\ntrap 'echo terminated >{ended}; exit' TERM\necho '==> head: Waiting'\n"
        "while true; do sleep 0.1; done\n"
    )
    (programs / "vagrant").chmod(0o755)
    monkeypatch.setattr(vagrant_command, "_END", 0.5)
    with pytest.raises(CommandTimeoutError, match="Waiting"):
        command(tmp_path, timeout=1).up_together(["head"], timeout=1)
    assert ended.read_text() == "terminated\n"


def test_vagrant_begun_in_the_background_still_hears_ctrl_c(programs: Path, tmp_path: Path) -> None:
    """Who is started in the background ignores SIGINT, and so do its children unless somebody sees to it."""
    (programs / "vagrant").write_text("#!/bin/sh\ngrep SigIgn /proc/self/status\n")
    (programs / "vagrant").chmod(0o755)
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        command(tmp_path).up_together(["head"], timeout=20)
    finally:
        signal.signal(signal.SIGINT, before)
    ignored = int((tmp_path / "vagrant.log").read_text().split("SigIgn:")[1].split()[0], 16)
    assert not ignored & 1 << (signal.SIGINT - 1)


def test_progress_is_told_line_by_line_while_it_happens(programs: Path, tmp_path: Path) -> None:
    said = "==> head: Creating domain with the following settings...\n==> head:  -- Name: x\n==> head: Machine booted\n"
    replay(programs, "vagrant", [{"words": ["up"], "says": said, "seconds": 3}])
    told: list[str] = []
    first = threading.Event()
    talk = command(tmp_path)

    def hear(line: str) -> None:
        provider._tell(line, told.append)
        first.set()

    talk.on_line = hear
    work = threading.Thread(target=lambda: talk.up_together(["head"], timeout=60))
    work.start()
    assert first.wait(20)
    assert work.is_alive()
    work.join()
    assert told == ["head: Creating domain with the following settings...", "head: Machine booted"]


def test_without_vagrant_the_error_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingProgramError, match="apt-get install vagrant vagrant-libvirt"):
        command(tmp_path).status()
