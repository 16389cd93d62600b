"""The error that the controller is told in words."""

from __future__ import annotations


class CannotError(Exception):
    """What was asked for cannot be done on this node; the message says why. Any other error is a defect."""
