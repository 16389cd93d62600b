"""What a failed test leaves behind: each node's logs, processes and network, in files of bounded size."""

from __future__ import annotations

import json
import os
import textwrap
import time
from pathlib import Path
from typing import TYPE_CHECKING

from robot import result, running
from robot.api import logger
from robot.libraries.BuiltIn import BuiltIn
from robot.libraries.DateTime import convert_time
from robot.utils import ErrorDetails

from sage_cluster import SageError
from sage_lab import Lab, LabError
from sage_lab.faults import Origin
from SageLibrary.listeners.recorder import Files, Recorder
from SageLibrary.observers.residue_check import ResidueCheck
from SageLibrary.recording.rows import called, named
from SageLibrary.recording.run import RecordedTest
from SageLibrary.recording.verdict import InconclusiveError, InfraError, Outcome, outcome_of
from SageLibrary.report.failures import BEGIN, HEADING, evidence_name
from SageLibrary.report.lanes import draw
from SageLibrary.waiting import patient

if TYPE_CHECKING:
    from SageLibrary.context import Stage

FILE_BYTES = 500_000
COLLECT_SECONDS = 10.0
STANDSTILL_SECONDS = 2.0
LEFT_BY = {
    Origin.TEST: (AssertionError, "the test left behind"),
    Origin.LAB: (InfraError, "a fault was healed, and the lab left behind"),
    Origin.UNKNOWN: (InconclusiveError, "it cannot be told who left behind"),
}
"""What kind of failure something left behind is, and how its message begins; the gravest first."""
QUESTIONS = {
    "processes.txt": "ps -eo pid,ppid,user,stat,etimes,rss,args --forest | cut -c 1-300",
    "network.txt": "ip -brief address; ip route; ip -s link; ss -tanp; nft list ruleset",
    "disk.txt": "df -h / /dev/shm /tmp; ls -laR /tmp | head -n 200",
    "ray_logs.txt": f'date -d "{{seconds}} seconds ago" "+{HEADING}%F %T {BEGIN}"; cd /tmp/ray; '
    "for log in session_*/logs/*.out session_*/logs/*.err session_*/logs/*.log; "
    f'do [ -s "$log" ] && date -r "$log" "+{HEADING}%F %T $log" && tail -n 60 "$log"; done; true',
}


class EvidenceListener:
    """Records every test for the page at the end of the run; of one that has a lab, what happened on it meanwhile."""

    ROBOT_LISTENER_API_VERSION = 3

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._recorder = Recorder(stage.timeline)
        self._residue = ResidueCheck()
        self._recording = False
        self._results: Path | None = None
        self._suites: list[running.TestSuite] = []
        self._stretched = False

    def start_suite(self, data: running.TestSuite, _: result.TestSuite) -> None:
        """Keep the outermost suite, whose tests get more time when the lab is slow."""
        self._suites.append(data)

    def end_suite(self, _: running.TestSuite, __: result.TestSuite) -> None:
        """A suite ends."""
        self._suites.pop()

    def end_library_keyword(self, _: running.Keyword, keyword: object, __: result.Keyword) -> None:
        """As soon as a lab is there, give the tests to come as much time as it needs."""
        del keyword
        if self._stage.has_lab and not self._stretched:
            self._stretched = True
            for test in self._suites[0].all_tests:
                test.timeout = _longer(test.timeout)

    def start_user_keyword(self, _: running.Keyword, keyword: running.UserKeyword, __: result.Keyword) -> None:
        """A keyword's own time limit, as long as the lab needs it."""
        keyword.timeout = _longer(keyword.timeout)

    def start_test(self, data: running.TestCase, _: result.TestCase) -> None:
        """Begin the test's recording."""
        self._recording = self._stage.has_lab
        if self._recording:
            self._residue.begin(self._stage.lab, data.parent.full_name)
            self._stage.pulse.begin()
        if not BuiltIn().dry_run_active:
            self._recorder.start_test(data.name, data.parent.full_name)

    def end_test(self, data: running.TestCase, result: result.TestCase) -> None:
        """End the test's recording; a test that leaves residue fails, and one that failed leaves a bundle.

        A test that is infra or inconclusive has that as a tag. The message says what was found, and where it lies.
        """
        if BuiltIn().dry_run_active:
            return
        self._results = self._stage.results()
        if data.template:
            _name_rows(data, result)
        lab = self._stage.lab if self._recording and self._stage.has_lab else None
        if lab:
            self._look_for_a_standstill(result)
            self._look_for_residue(lab, result)
        outcome = outcome_of(result.status, result.message)
        if outcome in {Outcome.INFRA, Outcome.INCONCLUSIVE}:
            result.tags.add(f"verdict-{outcome.value}")
        test = self._record(data, result, Files.of(lab.config_path, lab.directory) if lab else None)
        if not lab:
            return
        picture = draw(test.recording, f"States of the nodes in {data.name}", result.id)
        if picture:
            logger.info(picture, html=True)
        if result.failed:
            self._stage.failures.append(result.message)
            self._leave_bundle(lab, self._results / evidence_name(result.full_name), test.recording.begin, result)

    def _record(self, data: running.TestCase, result: result.TestCase, files: Files | None) -> RecordedTest:
        source = os.path.relpath(data.source) if data.source else "robot"
        return self._recorder.end_test(data.name, data.parent.full_name, result.status, result.message, files, source)

    def _look_for_a_standstill(self, result: result.TestCase) -> None:
        seconds = self._stage.pulse.worst()
        if result.failed and seconds >= STANDSTILL_SECONDS:
            said = textwrap.indent(result.message, "    ")  # so that its parts do not count one by one
            result.message = _as_raised(InfraError(f"this machine stood still for {seconds:.1f} s meanwhile:\n{said}"))

    def _look_for_residue(self, lab: Lab, result: result.TestCase) -> None:
        try:
            left = self._residue.end(lab)
        except LabError as error:
            problem: AssertionError = InfraError(f"the nodes could not be looked at after the test: {error}")
        else:
            if not left:
                return
            kind, begin = next(LEFT_BY[origin] for origin in LEFT_BY if origin in {leak.origin for leak in left})
            problem = kind(f"{begin}: {'; '.join(map(str, left))}")
        result.message = "\n\n".join([*([result.message] if result.failed else []), _as_raised(problem)])
        result.status = "FAIL"

    def _leave_bundle(self, lab: Lab, directory: Path, begin: float, result: result.TestCase) -> None:
        collect(lab, directory, begin)
        status = directory / "status.json"
        try:
            status.write_text(json.dumps(self._stage.cluster.status_cluster().to_dict(), indent=2))
        except SageError as error:
            status.write_text(json.dumps({"problem": str(error)}))
        result.message += f"\n\nEvidence of every node: {directory}"

    def close(self) -> None:
        """The run is over: write its page of timelines and figures."""
        page = self._recorder.close(self._results) if self._results else None
        if page:
            logger.console(f"Run:     {page}")


def _name_rows(data: running.TestCase, result: result.TestCase) -> None:
    """Let each failure of a table say which row it is of."""
    rows = []
    for row, ended in zip(data.body, result.body, strict=False):
        if ended.failed and row.source and row.source.suffix == ".robot":
            words = row.args or (row.name,) if isinstance(row, running.Keyword) else ()
            rows.append((called(os.path.relpath(row.source), row.lineno, words), ended.message))
    result.message = named(result.message, rows)


def _as_raised(error: AssertionError) -> str:
    """The message that a test has when a keyword raises this."""
    return str(ErrorDetails(error).message)


def _longer(limit: str | None) -> str | None:
    """A time limit as Robot Framework writes it, for this lab."""
    return f"{patient(float(convert_time(limit))):g} s" if limit else limit  # type: ignore[arg-type]  # it is a number


def collect(lab: Lab, directory: Path, begin: float) -> None:
    """Write what every node says of itself into ``directory``; a node that does not answer leaves its error.

    ``begin`` is when the test began, in seconds on the monotonic clock; the node tells it by its own clock.
    """
    for node in lab.nodes:
        folder = directory / node.name
        folder.mkdir(parents=True, exist_ok=True)
        for name, question in QUESTIONS.items():
            try:
                asked = question.replace("{seconds}", f"{time.monotonic() - begin + 1:.0f}")
                done = lab.run(node.name, ["sh", "-c", asked], timeout=COLLECT_SECONDS)
                text = done.stdout + done.stderr
            except LabError as error:
                text = str(error)
            (folder / name).write_bytes(text.encode()[:FILE_BYTES])
