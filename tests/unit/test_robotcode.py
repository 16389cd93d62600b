"""The configuration for editors: RobotCode itself accepts it, and each profile finds tests."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROFILES = tomllib.loads((ROOT / "robot.toml").read_text(encoding="utf-8"))["profiles"]


def robotcode(*arguments: str, directory: Path = ROOT) -> subprocess.CompletedProcess[str]:
    argv = [str(Path(sys.executable).with_name("robotcode")), *arguments]
    return subprocess.run(argv, cwd=directory, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("name", PROFILES)
def test_a_profile_finds_tests(name: str) -> None:
    done = robotcode("--format", "json", "-p", name, "discover", "tests")
    assert done.returncode == 0, done.stderr
    assert len(json.loads(done.stdout)["items"]) >= 3
    assert PROFILES[name]["description"]


def test_robotcode_knows_every_key() -> None:
    """It drops what it does not know without a word."""
    written = tomllib.loads((ROOT / "robot.toml").read_text(encoding="utf-8"))
    shown = json.loads(robotcode("--format", "json", "config", "show").stdout)
    assert set(written) <= set(shown)
    assert {name: set(one) for name, one in written["profiles"].items()} == {
        name: set(one) for name, one in shown["profiles"].items()
    }
