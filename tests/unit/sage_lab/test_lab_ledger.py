"""The ledger: what is written when, and how it is undone."""

import errno
import json
import os
from pathlib import Path

import pytest

from sage_lab import Lab, LabNotUpError, SweepError, sweep
from sage_lab.errors import LedgerError
from sage_lab.ledger import UNDOERS, Entry, Ledger, Undo, Undoer
from sage_lab.machine.mounts import unmount
from sage_lab.state import remove_directory


def any_thing(undo: Undo) -> Undoer:
    """Of a kind that every lab may own."""
    return Undoer(undo, lambda *_: True)


def test_a_record_is_on_disk_when_it_returns(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger.record("mount", "/one")
    assert json.loads(ledger.path.read_text()) == {"kind": "mount", "target": "/one"}
    ledger.record("network", "two")
    assert Ledger(tmp_path).entries() == [Entry("mount", "/one"), Entry("network", "two")]


def test_undoing_goes_backwards_and_tells_what_was_there(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    for name in ("first", "never made", "last"):
        ledger.record("thing", name)
    undone: list[str] = []

    def undo(target: str) -> bool:
        undone.append(target)
        return target != "never made"

    assert ledger.undo({"thing": any_thing(undo)}) == ["thing last", "thing first"]
    assert undone == ["last", "never made", "first"]


def test_a_thing_recorded_twice_is_undone_once_at_its_last_place(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    for name in ("a", "b", "a"):
        ledger.record("thing", name)
    assert ledger.undo({"thing": any_thing(lambda _: True)}) == ["thing a", "thing b"]


def test_what_stays_is_named_and_the_rest_is_undone_all_the_same(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    for name in ("first", "stuck", "last"):
        ledger.record("thing", name)
    undone: list[str] = []

    def undo(target: str) -> bool:
        if target == "stuck":
            raise OSError(16, "Device or resource busy", target)
        undone.append(target)
        return True

    with pytest.raises(SweepError, match=r"thing stuck: .*busy"):
        ledger.undo({"thing": any_thing(undo)})
    assert undone == ["last", "first"]
    assert len(ledger.entries()) == 3


def test_an_unknown_kind_is_not_passed_over(tmp_path: Path) -> None:
    Ledger(tmp_path).record("rocket", "one")
    with pytest.raises(SweepError, match="rocket one: nobody knows"):
        Ledger(tmp_path).undo({})


def test_a_last_line_cut_off_by_a_kill_is_left_out(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger.record("mount", "/one")
    with ledger.path.open("a") as file:
        file.write('{"kind": "mou')
    assert ledger.entries() == [Entry("mount", "/one")]


def test_any_other_broken_line_is_an_error_that_names_it(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger.path.write_text('{"kind": "mount", "target": "/one"}\nrubbish\n')
    with pytest.raises(LedgerError, match=r"line 2 .*rubbish"):
        ledger.entries()


def test_no_ledger_is_nothing_to_undo(tmp_path: Path) -> None:
    assert Ledger(tmp_path / "nowhere").undo({}) == []


def test_removing_a_directory_takes_its_ledger_last_and_may_be_repeated(tmp_path: Path) -> None:
    directory = tmp_path / "lab"
    (directory / "bundles" / "head").mkdir(parents=True)
    outside = tmp_path / "outside"
    outside.write_text("kept")
    (directory / "link").symlink_to(outside)
    Ledger(directory).record("directory", directory)
    assert remove_directory(str(directory))
    assert not directory.exists()
    assert outside.read_text() == "kept"
    assert not remove_directory(str(directory))


def test_unmounting_what_is_not_mounted_is_nothing(tmp_path: Path) -> None:
    assert not unmount(str(tmp_path))


def test_what_a_killed_writer_began_does_not_spoil_the_next_line(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger.record("mount", "/one")
    with ledger.path.open("a") as file:
        file.write('{"kind": "mou')
    ledger.record("mount", "/two")
    assert ledger.entries() == [Entry("mount", "/one"), Entry("mount", "/two")]


def test_a_full_disk_is_told_and_leaves_no_half_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = Ledger(tmp_path)
    ledger.record("mount", "/one")
    write = os.pwrite
    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", lambda descriptor, data, at: write(descriptor, data[:7], at))
        with pytest.raises(LedgerError, match=os.strerror(errno.ENOSPC)):
            ledger.record("mount", "/two")
    assert ledger.path.read_text().endswith('/one"}\n')
    ledger.record("mount", "/three")
    assert ledger.entries() == [Entry("mount", "/one"), Entry("mount", "/three")]


@pytest.mark.parametrize(
    "line",
    [
        b"\xff\xfe",
        b"[" * 100_000,
        b"null",
        b"[1]",
        b'{"kind": 1, "target": "x"}',
        b'{"kind": "mount", "target": 5}',
        b'{"kind": "mount", "target": null}',
        b'{"kind": "mount", "target": "a\\u0000b"}',
        b'{"kind": "mount", "target": "\\ud800"}',
        b'{"kind": "mount"}',
    ],
    ids=lambda line: repr(line[:40]),
)
def test_a_corrupt_line_is_one_error(tmp_path: Path, line: bytes) -> None:
    (tmp_path / Ledger.FILE).write_bytes(line + b"\n")
    with pytest.raises(LedgerError, match="line 1 is no ledger entry"):
        Ledger(tmp_path).undo()


@pytest.mark.parametrize("make", ["directory", "fifo", "link"])
def test_what_is_no_file_of_our_own_is_no_ledger(tmp_path: Path, make: str) -> None:
    path = tmp_path / Ledger.FILE
    (tmp_path / "elsewhere").touch()
    {"directory": path.mkdir, "fifo": lambda: os.mkfifo(path), "link": lambda: path.symlink_to("elsewhere")}[make]()
    with pytest.raises(LedgerError):
        Ledger(tmp_path).undo()
    with pytest.raises(LedgerError):
        Ledger(tmp_path).record("mount", "/one")


def test_a_ledger_that_another_can_write_is_not_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = Ledger(tmp_path)
    ledger.record("mount", str(tmp_path / "layers"))
    ledger.path.chmod(0o666)
    with pytest.raises(LedgerError, match=r"is not trusted: .*mode 100666"):
        ledger.undo()
    ledger.path.chmod(0o600)
    monkeypatch.setattr("os.geteuid", lambda: 12345)
    with pytest.raises(LedgerError, match=r"(?s)belongs to user \d+.*this is user 12345"):
        ledger.undo()


@pytest.mark.parametrize(
    ("kind", "target"),
    [
        ("directory", "/etc"),
        ("directory", "{lab}/.."),
        ("mount", "/home"),
        ("mount", "{lab}/../other/layers/head"),
        ("cgroup", "system.slice"),
        ("cgroup", "sage-lab/other"),
        ("cgroup", "sage-lab/t-lab/../other"),
        ("network", "other"),
        ("network", "t-lab2"),
        ("network", "t-lab.head/../../x"),
        ("networks-directory", "/etc"),
        ("compose", "unix:///run/docker.sock other"),
        ("compose", ""),
        ("libvirt-domain", "web_db"),
        ("libvirt-network", "default"),
        ("fault", "/etc/passwd.json"),
        ("fault", "{lab}/faults/../../other/faults/aa.json"),
        ("fault-watcher", "1"),
        ("fault-watcher", "one two three"),
    ],
)
def test_a_target_that_a_lab_of_this_name_cannot_own_is_left_alone(tmp_path: Path, kind: str, target: str) -> None:
    """The undo itself is not even called: here it would fail the test by an error of its own."""
    directory = tmp_path / "t-lab"
    directory.mkdir()
    ledger = Ledger(directory)
    ledger.record("directory", directory)
    ledger.record(kind, target.format(lab=directory))

    def never(asked: str) -> bool:
        raise AssertionError(f"{kind} {asked} was undone")

    undoers = {**UNDOERS, kind: Undoer(never, UNDOERS[kind].owns)}
    with pytest.raises(SweepError, match="a lab of this name cannot own that, it was left alone"):
        ledger.undo(undoers)
    assert len(ledger.entries()) == 2, "the ledger stays with what was left"


def test_the_ledger_stays_with_what_could_not_be_removed(tmp_path: Path) -> None:
    directory = tmp_path / "t-lab"
    directory.mkdir()
    ledger = Ledger(directory)
    ledger.record("directory", directory)
    ledger.record("thing", "stuck")

    def stuck(_: str) -> bool:
        raise OSError(errno.EBUSY, "busy")

    with pytest.raises(SweepError, match="thing stuck"):
        ledger.undo({**UNDOERS, "thing": any_thing(stuck)})
    assert [entry.kind for entry in ledger.entries()] == ["directory", "thing"]
    assert ledger.undo({**UNDOERS, "thing": any_thing(lambda _: True)})[-1] == f"directory {directory}"
    assert not directory.exists()


def test_a_lab_of_another_user_is_not_swept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAGE_LAB_HOME", str(tmp_path))
    directory = tmp_path / "t-lab"
    directory.mkdir()
    (directory / "kept").touch()
    monkeypatch.setattr("os.geteuid", lambda: 12345)
    with pytest.raises(SweepError, match="this is user 12345"):
        sweep("t-lab")
    assert (directory / "kept").exists()


@pytest.mark.parametrize("text", [b"\xff", b"[" * 100_000, b"{", b"null", b"{}"], ids=lambda text: repr(text[:9]))
def test_a_lab_whose_description_is_torn_is_not_up_and_can_be_swept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: bytes
) -> None:
    monkeypatch.setenv("SAGE_LAB_HOME", str(tmp_path / "home"))
    directory = tmp_path / "home" / "t-lab"
    directory.mkdir(parents=True)
    Ledger(directory).record("directory", directory)
    (directory / "lab.json").write_bytes(text)
    with pytest.raises(LabNotUpError, match="t-lab is not up"):
        Lab.attach("t-lab")
    assert sweep("t-lab") == [f"directory {directory}"]
