"""Errors of the faults; each is a LabError."""

from __future__ import annotations

from sage_lab.errors import LabError, UnsupportedError


class FaultError(LabError):
    """Something went wrong with a fault."""


class UnknownFaultError(FaultError):
    """There is no fault of that name, or none with that id is active."""


class FaultOptionError(FaultError, ValueError):
    """The fault has no such option, or the value does not fit."""


class FaultUnsupportedError(FaultError, UnsupportedError):
    """This lab cannot have the fault; the message says why."""


class FaultNotEffectiveError(FaultError):
    """The fault did not take effect: whatever a test saw afterwards is inconclusive."""


class FaultNotHealedError(FaultError):
    """The fault is still there after the deadline; it stays in the ledger, so that healing can be tried again."""


class NodeRefusedError(FaultError):
    """The node could not do what the fault asked of it, and said why."""
