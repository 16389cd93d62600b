"""Where chance begins: a number that gives the same again."""

from __future__ import annotations

import secrets

from robot.api import logger


def the_seed(given: str = "") -> int:
    """The seed that is given, or a new one. The log and the console say how to have the same again."""
    seed = int(given) if given else secrets.randbelow(2**32)
    logger.info(f"seed {seed}; for the same again: make stress SEED={seed}", also_console=True)
    return seed
