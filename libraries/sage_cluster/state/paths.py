"""Where the state of a cluster lies: every file that the managers keep beside its configuration file."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class StatePaths:
    """The paths of one configuration file, whatever name it is called by: two links to one file are one cluster."""

    journal: Path
    journal_lock: Path
    wanted: Path
    operation_lock: Path
    supervisor_lock: Path
    supervisor_states: Path
    supervisor_log: Path

    @classmethod
    def beside(cls, config_path: Path) -> StatePaths:
        """Those of a configuration file, which need not exist."""
        config = Path(os.path.realpath(config_path))
        # `config.yaml` and `config.yml` side by side are two clusters.
        base = config.stem if config.suffix == ".yaml" else f".{config.name}"
        return cls(
            journal=config.with_name(f"{base}.journal.jsonl"),
            journal_lock=config.with_name(f".{config.name}.journal"),
            wanted=config.with_name(f".{config.name}.wanted"),
            operation_lock=config.with_name(f".{config.name}.operation"),
            supervisor_lock=config.with_name(f".{config.name}.supervisor"),
            supervisor_states=config.with_name(f"{base}.supervisor.json"),
            supervisor_log=config.with_name(f"{base}.supervisor.log"),
        )
