"""Ten times the nodes take at most ten times the processor, memory, threads and open files."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
SECONDS = 300.0


def test_nothing_grows_faster_than_the_number_of_nodes() -> None:
    command = [sys.executable, "-m", "benchmarks", "scale", "--workers", "10", "--workers", "100"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    measured = json.loads(done.stdout)
    assert measured["error"] == ""
    assert [(row["operation"], row["workers"]) for row in measured["rows"]] == [
        (operation, workers) for workers in (10, 100) for operation in ("start", "status", "supervise")
    ]
    assert all(row["threads"] > 100 and row["files"] > 100 for row in measured["rows"] if row["workers"] == 100)
    assert measured["faster"] == []
