"""Keeps a recording of each test of a run, and writes the run's page when it ends: what a listener calls."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from sage_cluster.operations.journal import Journal
from sage_lab.faults import events as fault_events
from SageLibrary.recording import history
from SageLibrary.recording.recording import RaySight, Recording
from SageLibrary.recording.run import FILE as RECORDINGS
from SageLibrary.recording.run import RecordedTest, Run
from SageLibrary.recording.verdict import outcome_of
from SageLibrary.report import green
from SageLibrary.report.page import FILE as PAGE
from SageLibrary.report.page import page

HISTORY = "history.jsonl"


class Source(Protocol):
    """Where states come from: the timeline."""

    def mark(self, text: str) -> None:
        """Mark a moment."""

    def recording(
        self, begin: float | None = None, journal: Path | None = None, faults: Path | None = None
    ) -> Recording:
        """What happened from ``begin`` (seconds, monotonic) until now."""

    def ray(self) -> list[RaySight]:
        """What Ray itself said in the whole run."""

    def measures(self) -> dict[str, list[float]]:
        """What tests measured, in seconds."""


@dataclass(frozen=True)
class Files:
    """The event files of a lab and of the managers of its cluster."""

    journal: Path
    faults: Path

    @classmethod
    def of(cls, config_path: Path, lab_directory: Path) -> Files:
        """The files that belong to a configuration file and to a lab's directory."""
        return cls(Journal(config_path).path, lab_directory / fault_events.FILE)


class Recorder:
    """One for a run. Not for threads: Robot calls a listener from one."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._run: Run | None = None
        self._begin = time.monotonic()

    def start_test(self, name: str, suite: str) -> None:
        """A test begins now. ``suite`` is the full name of its suite; the first one's first part names the run."""
        if self._run is None:
            self._run = Run(suite.partition(".")[0], datetime.now(UTC).isoformat(timespec="seconds"))
        self._source.mark(name)  # before the begin: the test's own picture needs no mark of its own
        self._begin = time.monotonic()

    def end_test(
        self, name: str, suite: str, status: str, message: str, files: Files | None, source: str = "robot"
    ) -> RecordedTest:
        """The test ended now. ``status`` is Robot's; ``files`` is None while there is no lab; ``source`` is its file.

        Raises RuntimeError when no test was started.
        """
        if self._run is None:
            raise RuntimeError(f"'{name}' ended without a start; call start_test first")
        recording = self._source.recording(
            self._begin, files.journal if files else None, files.faults if files else None
        )
        test = RecordedTest.of(name, suite, outcome_of(status, message), message, recording, source)
        self._run.tests.append(test)
        return test

    def close(self, directory: Path, history_path: Path | None = None) -> Path | None:
        """Write recordings.json and run.html into ``directory``, add a line to the history; returns the page.

        The history is history.jsonl beside the page unless another is named. None when no test was recorded.
        """
        if self._run is None or not self._run.tests:
            return None
        self._run.put_in_rays_times(self._source.ray())
        self._run.measures = self._source.measures()
        self._run.write(directory / RECORDINGS)
        path = history_path or directory / HISTORY
        history.append(path, self._run.summary())
        target = directory / PAGE
        past = history.past_runs(path, self._run.suite)
        before = green.last_green(path.parent, self._run.suite)
        target.write_text(page(self._run, past, directory, before), encoding="utf-8")
        green.keep(self._run, path.parent)
        return target
