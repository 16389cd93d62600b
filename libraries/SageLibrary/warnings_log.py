"""Python's warnings in Robot's log: a test that wants a bad configuration wants its warnings too."""

from __future__ import annotations

import logging


def warnings_go_to_the_log() -> None:
    """Write warnings, such as those of a configuration file, to the log, and not into the console's lines."""
    logging.captureWarnings(True)
    logger = logging.getLogger("py.warnings")
    if _as_information not in logger.filters:
        logger.addFilter(_as_information)


def _as_information(record: logging.LogRecord) -> bool:
    record.levelno, record.levelname = logging.INFO, logging.getLevelName(logging.INFO)
    return True
