"""What a test's end means: the managers are wrong, or the lab is, or the fault never was."""

from __future__ import annotations

import re
from enum import StrEnum

from sage_lab import LabError, errors

INEFFECTIVE = "FaultNotEffectiveError"
TEARDOWN = "Also teardown failed:"


class Outcome(StrEnum):
    """How a test ended."""

    PASSED = "passed"
    FAILED = "failed"
    INFRA = "infra"
    INCONCLUSIVE = "inconclusive"
    SKIPPED = "skipped"


MEANING = {
    Outcome.PASSED: "the cluster did what it should",
    Outcome.FAILED: "the cluster or its managers were wrong",
    Outcome.INFRA: "the lab broke: this says nothing of the cluster",
    Outcome.INCONCLUSIVE: "the fault did not take effect: nothing was tested",
    Outcome.SKIPPED: "not run here; the reason stands with the test",
}


def outcome_of(status: str, message: str) -> Outcome:
    """The outcome of a test by Robot's ``status`` (PASS, FAIL, SKIP) and its message, which begins with the error.

    What a teardown adds does not change what the test itself found.
    """
    if status == "PASS":
        return Outcome.PASSED
    if status in {"SKIP", "NOT RUN"}:
        return Outcome.SKIPPED
    own = message.partition(TEARDOWN)[0]
    raised = set(re.findall(r"^(?:\d+\) )?(?:\w+\.)*(\w+Error):", own, re.MULTILINE))
    if INEFFECTIVE in raised:
        return Outcome.INCONCLUSIVE
    return Outcome.INFRA if raised & _lab_errors() else Outcome.FAILED


def _lab_errors() -> set[str]:
    names = {name for name, value in vars(errors).items() if isinstance(value, type) and issubclass(value, LabError)}
    return names | {_class.__name__ for _class in _all_below(LabError)}


def _all_below(parent: type[LabError]) -> list[type[LabError]]:
    return [found for child in parent.__subclasses__() for found in (child, *_all_below(child))]
