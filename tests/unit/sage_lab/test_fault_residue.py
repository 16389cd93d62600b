"""What a comparison of two looks at a lab says."""

import copy
from typing import Any

import pytest

from sage_lab.faults import Origin, Residue, compare

NODE: dict[str, Any] = {
    "state": "running",
    "plugged": True,
    "tables": ["mine"],
    "legacy_tables": [],
    "queues": ["cluster0 noqueue"],
    "mounts": ["/", "/proc"],
    "stopped": [],
    "foreign": {"1.5": "tini"},
    "free": 2**30,
    "clock": [-0.1, 0.1],
    "files": {"/opt/conda": "ab"},
    "leftovers": [],
    "process_limit": "8192",
    "sshd": True,
}
BEFORE = Residue({"head": NODE, "worker-1": NODE})


def after(**changes: Any) -> Residue:
    return Residue({"head": copy.deepcopy(NODE), "worker-1": {**NODE, **changes}})


def test_nothing_changed_is_no_residue() -> None:
    assert compare(BEFORE, after()) == []
    assert compare(BEFORE, after(free=2**30 - 2**20)) == []
    assert compare(BEFORE, after(tables=[])) == []
    # A look that took long bounds the clock loosely.
    assert compare(BEFORE, after(clock=[-8.0, 0.5])) == []


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"tables": ["mine", "sage_fault_x"]}, "worker-1: nftables table left: sage_fault_x"),
        ({"legacy_tables": ["filter"]}, "worker-1: iptables table left: filter"),
        ({"stopped": ["7 raylet"]}, "worker-1: stopped process left: 7 raylet"),
        ({"mounts": ["/", "/proc", "/tmp"]}, "worker-1: mount left: /tmp"),
        ({"mounts": ["/"]}, "worker-1: mount lost: /proc"),
        ({"foreign": {"1.5": "tini", "1.9": "hog"}}, "worker-1: process left: hog"),
        ({"free": 2**29}, "worker-1: 536870912 bytes of the disk are not free any more"),
        ({"files": {"/opt/conda": "missing"}}, "worker-1: /opt/conda is not as it was"),
        ({"leftovers": ["/run/x"]}, "worker-1: file of a fault left: /run/x"),
        ({"process_limit": "1"}, "worker-1: the limit of processes is 1, it was 8192"),
        ({"sshd": False}, "worker-1: nobody listens for SSH"),
        ({"plugged": False}, "worker-1: the cluster link is unplugged, it was plugged"),
        ({"state": "paused"}, "worker-1: the node is paused, it was running"),
        ({"clock": [10.1, 10.3]}, "worker-1: the clock moved by +10.0 s or more"),
        ({"clock": [-9.0, -5.1]}, "worker-1: the clock moved by -5.0 s or more"),
    ],
)
def test_each_leak_is_a_line(changes: dict[str, Any], line: str) -> None:
    assert [str(leak) for leak in compare(BEFORE, after(**changes))] == [line]


def test_queues_that_came_and_went_are_two_lines() -> None:
    assert [str(leak) for leak in compare(BEFORE, after(queues=["cluster0 tbf"]))] == [
        "worker-1: queueing discipline left: cluster0 tbf",
        "worker-1: queueing discipline lost: cluster0 noqueue",
    ]


def test_a_node_that_is_gone_is_told() -> None:
    assert [str(leak) for leak in compare(BEFORE, Residue({"head": NODE}))] == ["worker-1: the node is gone"]


@pytest.mark.parametrize(
    ("changes", "origin"),
    [
        ({"free": 2**29}, Origin.TEST),
        ({"state": "stopped"}, Origin.TEST),
        ({"tables": ["mine", "sage_fault_x"]}, Origin.LAB),
        ({"leftovers": ["/run/sage-lab-faults/x.json"]}, Origin.LAB),
        ({"foreign": {"1.5": "tini", "1.9": 'python3 -I -S - inject {"effect": "cpu-hog"}'}}, Origin.LAB),
        ({"clock": [10.1, 10.3]}, Origin.LAB),
        ({"sshd": False}, Origin.LAB),
        ({"tables": ["mine", "docker"]}, Origin.UNKNOWN),
        ({"foreign": {"1.5": "tini", "1.9": "updatedb"}}, Origin.UNKNOWN),
        ({"mounts": ["/"]}, Origin.UNKNOWN),
    ],
)
def test_what_was_left_says_who_brought_it(changes: dict[str, Any], origin: Origin) -> None:
    assert [leak.origin for leak in compare(BEFORE, after(**changes))] == [origin]
