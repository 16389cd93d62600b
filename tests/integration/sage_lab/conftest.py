"""One small lab for all of these tests; its name is this run's own, so it meets no other lab."""

import os
from collections.abc import Iterator

import pytest

from sage_lab import Lab, Topology
from sage_lab.topology import GIB, MIB

DISK = 128 * MIB


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    topology = Topology(workers=2, memory=GIB, disk=DISK, shared_memory=64 * MIB)
    built = Lab.up(topology, name=f"t-lab-{os.getpid()}")
    try:
        yield built
    finally:
        built.down()
