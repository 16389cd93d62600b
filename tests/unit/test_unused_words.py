"""The check of words that no suite says: it finds them, and its list of exceptions is current."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
SUITE = """*** Settings ***
Resource    {root}/resources/cluster.resource

*** Test Cases ***
Says Some
    [Template]    Fault Should Show As
    raylet stopped    one worker    worker-1    hung
    unplugged    target=the head    node=head    state=cut off
"""


@pytest.fixture(scope="module")
def check() -> ModuleType:
    spec = importlib.util.spec_from_file_location("unused_words", ROOT / "provision/controller/unused_words.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_what_no_suite_says_is_found(check: ModuleType, tmp_path: Path) -> None:
    suite = tmp_path / "some.robot"
    suite.write_text(SUITE.format(root=ROOT))
    silent = check.unused(suite)
    assert silent.isdisjoint(
        {"raylet stopped", "unplugged", "one worker", "the head", "hung", "cut off", "Fault Should Show As"}
    )
    assert silent >= {"raylet killed", "all workers", "unreachable", "quarantined", "wrong key", "Inject Fault"}


def test_a_new_word_and_one_that_is_said_now_are_told(
    check: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(check, "unused", lambda *_: {*check.KNOWN, "disk eaten"} - {"broken"})
    assert check.main() == 1
    said = capsys.readouterr().out
    assert "no suite says 'disk eaten'" in said
    assert "'broken' is said by a suite now" in said


def test_every_word_of_the_vocabulary_is_said_or_known(check: ModuleType) -> None:
    assert check.main() == 0
