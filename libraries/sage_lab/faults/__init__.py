"""Faults: break a node of the lab on purpose, see that it is broken, and mend it."""

from sage_lab.faults.agent import cluster_processes
from sage_lab.faults.catalogue import FaultKind, catalogue, kind_of
from sage_lab.faults.errors import (
    FaultError,
    FaultNotEffectiveError,
    FaultNotHealedError,
    FaultOptionError,
    FaultUnsupportedError,
    UnknownFaultError,
)
from sage_lab.faults.fault import Fault, FaultState
from sage_lab.faults.inject import LEASE, active, find, heal_all, inject
from sage_lab.faults.kinds import Family, Kind, Option
from sage_lab.faults.residue import Leak, Origin, Residue, compare, snapshot

__all__ = [
    "LEASE",
    "Family",
    "Fault",
    "FaultError",
    "FaultKind",
    "FaultNotEffectiveError",
    "FaultNotHealedError",
    "FaultOptionError",
    "FaultState",
    "FaultUnsupportedError",
    "Kind",
    "Leak",
    "Option",
    "Origin",
    "Residue",
    "UnknownFaultError",
    "active",
    "catalogue",
    "cluster_processes",
    "compare",
    "find",
    "heal_all",
    "inject",
    "kind_of",
    "snapshot",
]
