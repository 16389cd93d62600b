"""The lab: real nodes to try a cluster on, and the faults to try it with."""

from sage_lab.errors import (
    CommandTimeoutError,
    LabBusyError,
    LabError,
    LabNameError,
    LabNotUpError,
    NodeStateError,
    SweepError,
    TopologyError,
    UnknownNodeError,
)
from sage_lab.lab import Lab
from sage_lab.model import Completed, LabNode, NodeHealth
from sage_lab.state import default_name, names, sweep
from sage_lab.topology import Topology

__all__ = [
    "CommandTimeoutError",
    "Completed",
    "Lab",
    "LabBusyError",
    "LabError",
    "LabNameError",
    "LabNode",
    "LabNotUpError",
    "NodeHealth",
    "NodeStateError",
    "SweepError",
    "Topology",
    "TopologyError",
    "UnknownNodeError",
    "default_name",
    "names",
    "sweep",
]
