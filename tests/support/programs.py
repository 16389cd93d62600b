"""Programs that tests put in the place of real ones."""

from __future__ import annotations

from pathlib import Path


def make_program(path: Path, text: str = "#!/bin/sh\n") -> Path:
    """An executable file; its directories are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path
