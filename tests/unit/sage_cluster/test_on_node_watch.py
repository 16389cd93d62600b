"""The watch of a node, really run, over pipes instead of SSH."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sage_cluster.nodes.program import ANSWER, command_line
from sage_cluster.on_node.watch import watch

FRAME = f"{ANSWER}00ff"


@pytest.fixture
def watching(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A watch of a worker that ends after a second without a ping."""
    spec = {"temp_dir": str(tmp_path), "role": "worker", "dashboard": False, "message_frame": FRAME, "silence": 1.0}
    words = command_line(sys.executable, watch, spec, "")
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield process
        process.kill()


def hear(process: subprocess.Popen[str]) -> dict[str, object]:
    assert process.stdout
    said: dict[str, object] = json.loads(process.stdout.readline().removeprefix(FRAME))
    return said


def test_a_watch_lives_as_long_as_it_is_pinged_and_no_longer(watching: subprocess.Popen[str]) -> None:
    assert watching.stdin
    assert "heartbeat" in hear(watching)
    until = time.monotonic() + 2.5
    while time.monotonic() < until:
        watching.stdin.write("ping\n")
        watching.stdin.flush()
        assert "heartbeat" in hear(watching)
        time.sleep(0.2)
    assert watching.poll() is None
    silent_since = time.monotonic()
    assert watching.wait(10) == 0  # though standard input is open, as behind a cut
    assert 0.5 < time.monotonic() - silent_since < 5


def test_a_watch_ends_at_once_when_its_controller_leaves(watching: subprocess.Popen[str]) -> None:
    assert watching.stdin
    hear(watching)
    watching.stdin.close()
    assert watching.wait(0.9) == 0
