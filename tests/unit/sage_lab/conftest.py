"""A place for programs that the tests put before the machine's own."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sage_lab.machine import commands


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory that comes first on both paths."""
    directory = tmp_path / "bin"
    directory.mkdir()
    monkeypatch.setenv("PATH", f"{directory}:{os.environ['PATH']}")
    monkeypatch.setattr(commands, "PATH", f"{directory}:{commands.PATH}")
    return directory
