"""What runs at this moment, in a file of the lab's directory, for `sage-lab watch`."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import psutil
from robot import result, running

from SageLibrary.live.snapshot import RUN

if TYPE_CHECKING:
    from SageLibrary.context import Stage


class LiveListener:
    """Writes the file anew whenever a test or one of its steps begins."""

    ROBOT_LISTENER_API_VERSION = 3

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._run: dict[str, Any] = {
            "suite": "",
            "number": 0,
            "passed": 0,
            "failed": 0,
            "total": 0,
            "ended": False,
            "pid": os.getpid(),
            "began": psutil.Process().create_time(),
        }

    def start_suite(self, data: running.TestSuite, _: result.TestSuite) -> None:
        """The outermost suite knows how many tests there are."""
        if data.parent is None:
            self._run |= {"total": data.test_count}

    def start_test(self, data: running.TestCase, _: result.TestCase) -> None:
        """A test begins."""
        suite = data.parent.full_name if data.parent else ""
        self._run |= {"suite": suite, "test": data.name, "step": "", "number": self._run["number"] + 1}
        self._write()

    def start_keyword(self, data: running.Keyword, _: result.Keyword) -> None:
        """A step of the test itself begins; what lies below it is not shown."""
        if isinstance(data.parent, running.TestCase):
            self._run["step"] = " ".join((str(data.name), *map(str, data.args)))
            self._write()

    def end_test(self, _: running.TestCase, result: result.TestCase) -> None:
        """A test ended."""
        self._run |= {"test": "", "step": ""}
        for count, so in (("passed", result.passed), ("failed", result.failed)):
            self._run[count] += so
        self._write()

    def close(self) -> None:
        """The run is over; the lab may be gone with it."""
        self._run["ended"] = True
        self._write()

    def _write(self) -> None:
        if not self._stage.has_lab:
            return
        path = self._stage.lab.directory / RUN
        fresh = path.with_suffix(".new")
        fresh.write_text(json.dumps({**self._run, "states": self._stage.timeline.states()}), encoding="utf-8")
        fresh.replace(path)
