"""A test that needs a node to spare is skipped where there is none."""

from __future__ import annotations

from pathlib import Path

import pytest
from robot.api import SkipExecution

from sage_lab import Lab, Topology
from SageLibrary.arguments.spare import SPARE, need_spare


@pytest.mark.parametrize("said", [["add", SPARE], [f"{SPARE}:22"]])
def test_a_word_about_a_spare_that_is_not_there_skips(tmp_path: Path, said: list[str]) -> None:
    with pytest.raises(SkipExecution, match=f"no spare: it takes a machine '{SPARE}'"):
        need_spare(Lab("one", tmp_path, Topology.of(workers=2)), said)


def test_other_words_and_a_lab_with_a_spare_do_not(tmp_path: Path) -> None:
    need_spare(Lab("one", tmp_path, Topology.of(workers=2)), ["worker-1", 5, ["a", "list"], None])
    need_spare(Lab("two", tmp_path, Topology.of(workers=2, spares=(SPARE,))), ["add", SPARE])
