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
    SweepError,
    TopologyError,
    UnknownNodeError,
    UnsupportedError,
)
from sage_lab.faults import undo as _faults_undo  # noqa: F401 - a sweep has to know how faults are undone
from sage_lab.inventory import Inventory
from sage_lab.lab import Lab
from sage_lab.model import Completed, LabNode, NodeHealth
from sage_lab.providers import Capability, Machine
from sage_lab.state import default_name, names, sweep
from sage_lab.topology import Topology

__all__ = [
    "Capability",
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
    "Machine",
    "MachineError",
    "NodeHealth",
    "NodeStateError",
    "SweepError",
    "Topology",
    "TopologyError",
    "UnknownNodeError",
    "UnsupportedError",
    "default_name",
    "names",
    "sweep",
]
