"""Sessions of Ray on disk, and the processes that belong to them."""

from __future__ import annotations

from pathlib import Path

from sage_cluster.on_node.sessions import session_processes

SESSION = "session_2026-01-02_03-04-05_678901_42"
OTHER_SESSION = "session_2026-01-03_03-04-05_678901_43"
"""The newer one."""


def pids(temp_dir: Path) -> list[int]:
    """Those of the sessions' processes, as the product finds them and in its order."""
    return [process.pid for process in session_processes(str(temp_dir))]


def make_session(temp_dir: Path, name: str, log: str = "it ran\n") -> None:
    """A session's directory with a log and sockets."""
    (temp_dir / name / "logs").mkdir(parents=True)
    (temp_dir / name / "logs" / "raylet.out").write_text(log)
    (temp_dir / name / "sockets").mkdir()
