"""The lab: real nodes to try a cluster on, and the faults to try it with."""

from sage_lab.errors import (
    CommandTimeoutError,
    InventoryError,
    LabBusyError,
    LabError,
    LabNameError,
    LabNotUpError,
    MachineError,
    NodeStateError,
    NotPossibleError,
    SweepError,
    TopologyError,
    UnknownNodeError,
)
from sage_lab.faults import undo as _faults_undo  # noqa: F401 - a sweep has to know how faults are undone
from sage_lab.inventory import Inventory
from sage_lab.lab import Lab
from sage_lab.model import Completed, LabNode, NodeHealth
from sage_lab.providers import Ability
from sage_lab.state import default_name, names, sweep
from sage_lab.topology import Topology

__all__ = [
    "Ability",
    "CommandTimeoutError",
    "Completed",
    "Inventory",
    "InventoryError",
    "Lab",
    "LabBusyError",
    "LabError",
    "LabNameError",
    "LabNode",
    "LabNotUpError",
    "MachineError",
    "NodeHealth",
    "NodeStateError",
    "NotPossibleError",
    "SweepError",
    "Topology",
    "TopologyError",
    "UnknownNodeError",
    "default_name",
    "names",
    "sweep",
]
