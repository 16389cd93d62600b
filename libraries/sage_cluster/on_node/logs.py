"""The logs of this node's Ray session, running or saved."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sage_cluster.on_node.errors import CannotError
from sage_cluster.on_node.sessions import SESSION_NAME

if TYPE_CHECKING:
    from sage_cluster.on_node.protocol import LogSpec, LogText


class LogNotFoundError(CannotError):
    """There is no such log; the message names those there are."""


def read_log(spec: LogSpec) -> LogText:
    """The last ``lines`` lines of the log ``log`` of the newest session: ``path``, ``text``, and all log ``files``."""
    running = sorted(Path(spec["temp_dir"]).glob(f"{SESSION_NAME}/logs"))
    saved = sorted(Path(spec["log_dir"]).expanduser().glob(SESSION_NAME))
    directories = running or saved
    if not directories:
        raise LogNotFoundError(f"no session has left logs in {spec['temp_dir']} or {spec['log_dir']}")
    directory = directories[-1]
    names = sorted(p.name for p in directory.iterdir() if p.is_file())
    if spec["log"] not in names:
        raise LogNotFoundError(f"no log '{spec['log']}' in {directory}; there are: {', '.join(names)}")
    path = directory / spec["log"]
    lines = path.read_text(errors="replace").splitlines()
    last = lines[max(0, len(lines) - spec["lines"]) :]
    return {"path": str(path), "text": "\n".join(last), "files": names}
