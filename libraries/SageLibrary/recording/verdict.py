"""What a test's end means: the managers are wrong, or the lab is, or the fault never was."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from enum import StrEnum
from traceback import walk_tb

from sage_lab import LabError
from sage_lab.faults import FaultNotEffectiveError
from SageLibrary.recording.rows import PLACE, failures

NAME = re.compile(
    rf"(?:{PLACE})?(?:(?:(?:parent )?suite |keyword )?(?:setup|teardown) failed:\s*)*(\w+)(?=: |$)", re.IGNORECASE
)
"""The type of a failure as Robot writes it: after where it was, before what the error says."""


class Outcome(StrEnum):
    """How a test ended."""

    PASSED = "passed"
    FLAKY = "flaky"
    FAILED = "failed"
    INFRA = "infra"
    INCONCLUSIVE = "inconclusive"
    SKIPPED = "skipped"


class InfraError(AssertionError):
    """The lab broke: this says nothing of the cluster."""


class InconclusiveError(AssertionError):
    """Nothing was tested: a fault did not take effect, or too little was seen."""


UNFORESEEN = (OSError, RuntimeError, ValueError, LookupError, TypeError)
OF_ERROR = {InfraError.__name__: Outcome.INFRA, InconclusiveError.__name__: Outcome.INCONCLUSIVE}
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
    """The outcome of a test by Robot's ``status`` (PASS, FAIL, SKIP) and its message.

    Robot keeps of an error its type's name, in front of what it says: only this passes from a keyword through the rows
    of a table, setups, teardowns, merges and `rebot`. What is neither an InfraError nor an InconclusiveError shows the
    cluster to be wrong, and outweighs a table's other rows. What a teardown adds does not change what the test itself
    found. A test that passed late has the tag ``flaky``.
    """
    if status == "PASS":
        return Outcome.FLAKY if FLAKY in tags else Outcome.PASSED
    if status != "FAIL":
        return Outcome.SKIPPED
    named = [NAME.match(failure) for failure in failures(message)]
    return verdict_of(OF_ERROR.get(name[1], Outcome.FAILED) if name else Outcome.FAILED for name in named)


def judged(error: Exception) -> Exception:
    """What a keyword raised, as the type that says whose failure it is: the lab's errors never tell of the cluster."""
    if isinstance(error, FaultNotEffectiveError):
        return InconclusiveError(str(error))
    if isinstance(error, LabError):
        return InfraError(str(error))
    if isinstance(error, UNFORESEEN) and raised_by_the_lab(error):
        return InfraError(f"{type(error).__name__}: {error}")
    return error


def raised_by_the_lab(error: BaseException) -> bool:
    """Whether the lab is the last of the two products in the traceback of an error that nobody foresaw."""
    modules = [frame.f_globals.get("__name__", "").partition(".")[0] for frame, _ in walk_tb(error.__traceback__)]
    return next((module for module in reversed(modules) if module in {"sage_lab", "sage_cluster"}), "") == "sage_lab"
