"""How a running operation tells what it does: one call per node and phase."""

from __future__ import annotations

import logging
from collections.abc import Callable

Report = Callable[[str, str], None]
"""Called with a node's name and the phase it has reached, from any thread."""


def log_progress(node: str, phase: str) -> None:
    """The default report: to the log `sage_cluster`, at level INFO."""
    logging.getLogger("sage_cluster").info("%s: %s", node, phase)
