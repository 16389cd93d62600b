"""Faults of a node's processor, memory and tables."""

from __future__ import annotations

import os

from sage_lab.faults.kinds import Family, Kind, Option, Plan
from sage_lab.faults.means import ByLab, OnNode
from sage_lab.faults.on_node.descriptor_faults import FewDescriptors
from sage_lab.faults.on_node.resource_faults import CpuHog, MemoryHog
from sage_lab.lab import Lab
from sage_lab.providers import Capability
from sage_lab.providers.sshd import greeting

_SILENCE = 0.5


def _starts_nothing(lab: Lab, node: str, _: Plan) -> str:
    """Neither the lab's own path, which does not fork on the node by itself, nor SSH gets a new process."""
    if lab.run(node, ["sh", "-c", "true & wait"]).returncode == 0:
        return "the node starts processes"
    try:
        said = lab.inside(lambda: greeting(lab.node(node).control_address, _SILENCE))
    except OSError:
        return ""
    return f"the SSH server greets: {said}"


def _starts_again(lab: Lab, node: str, _: Plan) -> str:
    done = lab.run(node, ["sh", "-c", "true & wait"])
    return "" if done.returncode == 0 else f"the node starts no process: {done.stderr.strip()}"


KINDS = (
    Kind(
        "cpu hog",
        Family.RESOURCE,
        "Processes of root compute without end.",
        OnNode(CpuHog),
        (Option("processes", os.cpu_count() or 1, "how many", least=1, most=256),),
    ),
    Kind(
        "memory hog",
        Family.RESOURCE,
        "A process takes memory until that much of the node's limit is in use; over it, the kernel kills.",
        OnNode(MemoryHog),
        (Option("percent", 90, "of the limit, in use by all together", least=1, most=110),),
    ),
    Kind(
        "process table exhausted",
        Family.RESOURCE,
        "The node can start no process or thread any more; those that run go on.",
        ByLab(
            begin=lambda lab, node, _: lab.node(node).limit_processes(1),
            end=lambda lab, node, _: lab.node(node).limit_processes(None),
            effective_probe=_starts_nothing,
            recovered_probe=_starts_again,
            lasts=False,
        ),
        needs=Capability.PROCESS_LIMIT,
    ),
    Kind(
        "file descriptors exhausted",
        Family.RESOURCE,
        "The raylet can open no file and accept no connection more than it has now.",
        OnNode(FewDescriptors, {"role": "raylet"}),
    ),
)
