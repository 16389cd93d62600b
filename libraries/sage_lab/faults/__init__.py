"""Faults: break a node of the lab on purpose, see that it is broken, and mend it."""

from sage_lab.faults.active_faults import active, find, heal_all
from sage_lab.faults.agent import cluster_processes
from sage_lab.faults.catalogue import catalogue, kind_of
from sage_lab.faults.errors import (
    FaultError,
    FaultNotEffectiveError,
    FaultNotHealedError,
    FaultOptionError,
    FaultUnsupportedError,
    UnknownFaultError,
)
from sage_lab.faults.fault import Fault
from sage_lab.faults.injection import LEASE, inject
from sage_lab.faults.kinds import Family, FaultKind, Kind, Option
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
