"""The managers' patience with slow nodes. A lab knows how slow its nodes are, the managers how long they wait."""

from __future__ import annotations

from pathlib import Path

from sage_cluster import ConfigManager

WAITS = (
    "ssh.connect_timeout",
    "ssh.command_timeout",
    "cluster.start_timeout",
    "cluster.answer_timeout",
    "cluster.stop_timeout",
    "cluster.drain_timeout",
    "recovery.beat",
    "recovery.suspect_after",
    "recovery.silent_after",
    "recovery.hung_after",
)
"""What depends on how fast nodes work."""


def be_patient(config_path: Path, pace: float) -> None:
    """Let the managers of this configuration wait ``pace`` times longer than it says, or than they would by themselves.

    `sage_lab` calls it for a lab that it has built (entry point ``sage_lab.slow_nodes``). Raises ConfigError.
    """
    config = ConfigManager(config_path)
    for key in WAITS:
        config.set(key, round(float(config.get(key)) * pace, 1))
