"""What a test's end means: the managers are wrong, or the lab is, or the fault never was."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from enum import StrEnum
from traceback import walk_tb

from sage_lab import LabError
from sage_lab.faults import FaultNotEffectiveError

INEFFECTIVE = FaultNotEffectiveError.__name__
TEARDOWN = "Also teardown failed:"
SEVERAL = "Several failures occurred:"
ROW = re.compile(r"^\d+\) ", re.MULTILINE)
PLACE = re.compile(r"^(?:(?:Parent suite |Suite )?[Ss]etup failed:\s*|Teardown failed:\s*)+")


class Outcome(StrEnum):
    """How a test ended."""

    PASSED = "passed"
    FLAKY = "flaky"
    FAILED = "failed"
    INFRA = "infra"
    INCONCLUSIVE = "inconclusive"
    SKIPPED = "skipped"


BAD = (Outcome.FAILED, Outcome.INFRA, Outcome.INCONCLUSIVE)
"""What did not prove the cluster good, the gravest first."""
GRAVEST_FIRST = (*BAD, Outcome.FLAKY, Outcome.PASSED)
FLAKY = "flaky"
"""The tag of a test that failed and passed at a later attempt."""

MEANING = {
    Outcome.PASSED: "the cluster did what it should",
    Outcome.FLAKY: "all passed, some of them only when they were run again",
    Outcome.FAILED: "the cluster or its managers were wrong",
    Outcome.INFRA: "the lab broke: this says nothing of the cluster",
    Outcome.INCONCLUSIVE: "the fault did not take effect: nothing was tested",
    Outcome.SKIPPED: "not run here; the reason stands with the test",
}


STATUS = {Outcome.PASSED: 0, Outcome.FAILED: 1, Outcome.INFRA: 3, Outcome.INCONCLUSIVE: 4, Outcome.FLAKY: 5}
"""The exit status of each verdict; 2 is left to wrong usage, as everywhere."""


def verdict_of(outcomes: Iterable[Outcome]) -> Outcome:
    """The verdict of a run: the gravest of its outcomes; inconclusive when no test was run, or all were skipped."""
    found = set(outcomes)
    return next((outcome for outcome in GRAVEST_FIRST if outcome in found), Outcome.INCONCLUSIVE)


def outcome_of(status: str, message: str, tags: Collection[str] = ()) -> Outcome:
    """The outcome of a test by Robot's ``status`` (PASS, FAIL, SKIP) and its message, which begins with the error.

    What a teardown adds does not change what the test itself found. A table's rows fail apart: one that shows the
    cluster to be wrong outweighs those that show nothing. A test that passed late has the tag ``flaky``.
    """
    if status == "PASS":
        return Outcome.FLAKY if FLAKY in tags else Outcome.PASSED
    if status != "FAIL":
        return Outcome.SKIPPED
    own, _, teardown = message.partition(TEARDOWN)
    rows = [part for part in re.split(ROW, own) if part.strip() and not part.strip().endswith(SEVERAL)]
    found = {_of_failure(row) for row in rows or [teardown]}
    if Outcome.FAILED in found:
        return Outcome.FAILED
    return Outcome.INFRA if Outcome.INFRA in found else Outcome.INCONCLUSIVE


def raised_by_the_lab(error: BaseException) -> bool:
    """Whether the lab is the last of the two products in the traceback of an error that nobody foresaw."""
    modules = [frame.f_globals.get("__name__", "").partition(".")[0] for frame, _ in walk_tb(error.__traceback__)]
    return next((module for module in reversed(modules) if module in {"sage_lab", "sage_cluster"}), "") == "sage_lab"


def _of_failure(text: str) -> Outcome:
    """One failure: a keyword begins its message with the outcome in capitals; an uncaught error has its name there."""
    begin = re.sub(PLACE, "", text.strip())
    for outcome in (Outcome.INCONCLUSIVE, Outcome.INFRA):
        if begin.startswith(f"{outcome.upper()}:"):
            return outcome
    raised = re.match(r"(?:\w+\.)*(\w+Error): ", begin)
    if raised is None or raised[1] not in _lab_errors():
        return Outcome.FAILED
    return Outcome.INCONCLUSIVE if raised[1] == INEFFECTIVE else Outcome.INFRA


def _lab_errors() -> set[str]:
    """The names of all errors of the lab that have been imported, its faults' too."""
    found, below = {LabError.__name__}, LabError.__subclasses__()
    while below:
        error = below.pop()
        found.add(error.__name__)
        below += error.__subclasses__()
    return found
