"""How slow the nodes of a lab are: every wait for them is so many times longer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from sage_lab.errors import NodeNotReadyError
from sage_lab.model import Completed

REFERENCE = 1.0
"""Processor seconds in which a node of pace 1 imports Ray; a quick machine needs about the half."""
QUESTION = "import os, ray; print('pace', sum(os.times()[:2]))"
_FILE = "pace"
_DEADLINE = 300.0


def measure(directory: Path, head: str, import_ray: Callable[[str, float], Completed]) -> float:
    """Let the head import Ray, and keep in the lab's directory how many times slower it is than the reference.

    ``import_ray`` runs a Python text on the head, within so many seconds. Processor time is taken, so that a crowded
    machine does not make its containers slow. Under software emulation the crowd is in it, since the guest cannot tell.
    Raises NodeNotReadyError when the head cannot import Ray.
    """
    done = import_ray(QUESTION, _DEADLINE)
    said = [line.split() for line in done.stdout.splitlines() if line.startswith("pace ")]
    if done.returncode != 0 or not said:
        raise NodeNotReadyError(
            f"it cannot import Ray: {done.stderr.strip()[-500:]}", where=head, fix="see how its environment was made"
        )
    pace = round(max(1.0, float(said[-1][1]) / REFERENCE), 1)
    (directory / _FILE).write_text(f"{pace}\n", encoding="utf-8")
    return pace


def of(directory: Path) -> float:
    """The pace that was measured when the lab was built; 1 for a lab that is not built."""
    try:
        return float((directory / _FILE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return 1.0
