"""The ledger: what is written when, and how it is undone."""

import json
from pathlib import Path

import pytest

from sage_lab import SweepError
from sage_lab.errors import LedgerError
from sage_lab.ledger import Entry, Ledger
from sage_lab.machine.mounts import unmount
from sage_lab.state import remove_directory


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

    assert ledger.undo({"thing": undo}) == ["thing last", "thing first"]
    assert undone == ["last", "never made", "first"]


def test_a_thing_recorded_twice_is_undone_once_at_its_last_place(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    for name in ("a", "b", "a"):
        ledger.record("thing", name)
    assert ledger.undo({"thing": lambda _: True}) == ["thing a", "thing b"]


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
        ledger.undo({"thing": undo})
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
