"""What a value in the configuration file may be, and what an error says that it should be."""

from __future__ import annotations

import os.path
import posixpath
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from sage_cluster.config.workers import Host

EXPECTED_DIRECTORY = "an absolute path of a directory of its own, no system directory, such as /tmp/ray_head"
EXPECTED_TEXT = "text of one line"

_SYSTEM_DIRECTORIES = """
    / /bin /boot /dev /dev/shm /etc /home /lib /lib32 /lib64 /media /mnt /opt /proc /root /run /sbin /srv /sys /tmp
    /usr /usr/bin /usr/lib /usr/local /usr/sbin /usr/share /var /var/cache /var/lib /var/log /var/run /var/tmp
"""
SYSTEM_DIRECTORIES = frozenset(_SYSTEM_DIRECTORIES.split())


def _check_line(value: str) -> str:
    if not value or not value.isprintable():
        raise ValueError(EXPECTED_TEXT)
    return value


def _check_temp_dir(value: str) -> str:
    parts = value.split("/")
    # normpath keeps a leading "//": strip it, so that "//usr" is seen as "/usr".
    plain = "/" + posixpath.normpath(value).lstrip("/")
    if not value.startswith("/") or not value.isprintable() or ".." in parts or plain in SYSTEM_DIRECTORIES:
        raise ValueError(EXPECTED_DIRECTORY)
    return value


Line = Annotated[str, AfterValidator(_check_line), Field(description=EXPECTED_TEXT)]
OptionalLine = Annotated[Line | None, Field(description=EXPECTED_TEXT)]
OptionalHost = Annotated[Host | None, Field(description="a host name or an IP address, or nothing")]
TempDir = Annotated[str, AfterValidator(_check_temp_dir), Field(description=EXPECTED_DIRECTORY)]
LocalPath = Annotated[Line, AfterValidator(os.path.expanduser), Field(description="a path")]
OptionalLocalPath = Annotated[LocalPath | None, Field(description="a path, or nothing")]
User = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.@\\-]*\$?$", description="a user's login name")]
Switch = Annotated[bool, Field(strict=True, description="true or false")]
Count = Annotated[int, Field(strict=True, ge=1, description="a whole number from 1")]
Retries = Annotated[int, Field(strict=True, ge=0, description="a whole number from 0")]
OptionalCpus = Annotated[int | None, Field(strict=True, ge=0, description="a whole number of CPUs from 0, or nothing")]
OptionalBytes = Annotated[
    int | None, Field(strict=True, ge=1, description="a whole number of bytes from 1, or nothing")
]
Seconds = Annotated[float, Field(strict=True, gt=0, allow_inf_nan=False, description="a number of seconds above 0")]
Unjudged = Annotated[Any, Field(description="anything: it is SAGE's own, kept and not judged")]
Arguments = Annotated[
    tuple[Annotated[str, Field(description="text")], ...],
    Field(description="a list of texts, each one argument of ray start"),
]

Patterns = Annotated[
    tuple[Annotated[str, Field(description="text")], ...],
    Field(description="a list of patterns as in .gitignore"),
]
