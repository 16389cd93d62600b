"""A state file of JSON: what cannot be read is named and put aside, so that it never keeps anybody from working."""

from __future__ import annotations

import json
import logging
import os
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Generic, TypeVar

from sage_cluster.errors import ConfigError
from sage_cluster.state.writing import locked, remove, replace_text

LOCK_SECONDS = 10.0
MAX_BYTES = 1 << 24
Value = TypeVar("Value")
log = logging.getLogger(__name__)


class JsonFile(Generic[Value]):
    """One value in a file; several threads and processes may change it at once.

    ``parse`` makes the value of what JSON says, and raises ValueError when it says something else. ``empty`` is the
    value without a file, ``then`` says in the warning about an unreadable one what it means that this is assumed.
    """

    def __init__(self, path: Path, parse: Callable[[Any], Value], empty: Value, then: str) -> None:
        self.path = path
        self._parse = parse
        self._empty = empty
        self._then = then

    def read(self) -> Value:
        """The value. A file that says nothing of the kind is put aside."""
        try:
            return self._value()
        except (OSError, ValueError, RecursionError):
            pass
        try:
            with locked(self.path, LOCK_SECONDS):
                return self._value_or_aside()  # under the lock: it may have been replaced by a good one meanwhile
        except ConfigError as error:
            log.warning("%s: it cannot be read, %s; and %s", self.path, self._then, error)
            return self._empty

    def change(self, change: Callable[[Value], Value]) -> Value:
        """Replace the value by what ``change`` makes of it, and return that. Raises ConfigError.

        The empty value is no file: removing one needs no room on the disk.
        """
        with locked(self.path, LOCK_SECONDS) as target:
            old = self._value_or_aside()
            new = change(old)
            if new == self._empty:
                remove(target)
            elif new != old:
                replace_text(target, json.dumps(new, sort_keys=True), private=True)
        return new

    def publish(self, value: Value) -> None:
        """Replace the value, for the only process that writes it, as long as that runs. Raises ConfigError."""
        replace_text(self.path, json.dumps(value), private=True, durable=False)

    def _value_or_aside(self) -> Value:
        try:
            return self._value()
        except (OSError, ValueError, RecursionError) as error:
            aside = self.path.with_name(f"{self.path.name}.unreadable")
            with suppress(OSError):  # it stays where it is, and is named again
                self.path.replace(aside)
            log.warning("%s: %s; it is put aside as %s, and %s", self.path, error, aside, self._then)
            return self._empty

    def _value(self) -> Value:
        try:
            # Not blocking, or opening a pipe would wait for its writer.
            descriptor = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError:
            return self._empty
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise ValueError("it is no regular file")
            return self._parse(json.loads(file.read(MAX_BYTES)))
