"""The file that `sage-lab watch` reads: what runs at this moment, and what became of it."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from robot import run as robot
from robot.api.interfaces import ListenerV3

from SageLibrary.context import Stage
from SageLibrary.live.listener import LiveListener
from SageLibrary.live.snapshot import RUN
from SageLibrary.observers.timeline import Timeline

SUITE = """*** Test Cases ***
One
    Log    first
    A Word

Two
    Fail    no

*** Keywords ***
A Word
    Log    below
"""


class Seen(ListenerV3):  # type: ignore[misc]  # it has no type hints
    """Reads the file after each step, as the page might."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.steps: list[tuple[int, str, str]] = []

    def end_keyword(self, *_: Any) -> None:
        now = json.loads(self.path.read_text())
        self.steps.append((now["number"], now["test"], now["step"]))


def test_the_file_follows_the_run(tmp_path: Path) -> None:
    (tmp_path / "live.robot").write_text(SUITE)
    timeline = Timeline()
    timeline.record("head", "running")
    stage = SimpleNamespace(has_lab=True, lab=SimpleNamespace(directory=tmp_path), timeline=timeline)
    seen = Seen(tmp_path / RUN)
    live = LiveListener(cast("Stage", stage))
    robot(str(tmp_path / "live.robot"), listener=[live, seen], output=None, log=None, report=None, console="none")
    assert seen.steps == [(1, "One", "Log first"), (1, "One", "A Word"), (1, "One", "A Word"), (2, "Two", "Fail no")]
    last = json.loads((tmp_path / RUN).read_text())
    assert (last["suite"], last["total"], last["passed"], last["ended"]) == ("Live", 2, 1, True)
    assert last["states"] == {"head": "running"}


def test_without_a_lab_nothing_is_written(tmp_path: Path) -> None:
    live = LiveListener(cast("Stage", SimpleNamespace(has_lab=False)))
    live.close()
    assert not list(tmp_path.iterdir())
