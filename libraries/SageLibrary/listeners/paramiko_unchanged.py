"""SSHLibrary changes paramiko for the whole process when it is imported, and the judged managers use it too."""

from __future__ import annotations

import paramiko

ORIGINAL = "_orig_start_client"
"""Where SSHLibrary (3.8) keeps the method of a transport that it replaced."""


class ParamikoListener:
    """Takes back, at once, that every SSH banner gets 45 s, whatever the managers' connect_timeout says."""

    ROBOT_LISTENER_API_VERSION = 3

    def __init__(self) -> None:
        _take_back()

    def library_import(self, *_: object) -> None:
        """A library was imported."""
        _take_back()


def _take_back() -> None:
    if original := getattr(paramiko.Transport, ORIGINAL, None):
        paramiko.Transport.start_client = original  # type: ignore[method-assign]
