"""What plays a node of a cluster in these tests: processes, directories and a socket of this machine."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from sage_cluster.on_node.stop import force_stop
from tests.support.nodes import Make, Node, packages_in
from tests.support.processes import Fakes


@pytest.fixture
def fakes() -> Iterator[Fakes]:
    """Starts processes that play Ray; they have ended when the test has."""
    made = Fakes()
    yield made
    made.end()


@pytest.fixture
def temp_dir(tmp_path: Path) -> Iterator[Path]:
    """Ray's directory of a node; what runs there is ended afterwards."""
    directory = tmp_path / "ray"
    yield directory
    force_stop(str(directory))


@pytest.fixture
def head() -> Iterator[socket.socket]:
    """Plays the head's GCS: something that listens."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen()
        yield sock


@pytest.fixture
def node(tmp_path: Path) -> Node:
    """A node to deploy to, in a directory."""
    return Node(tmp_path / "home")


@pytest.fixture
def package(tmp_path: Path) -> Make:
    """Makes packages of a project named greeting."""
    return packages_in(tmp_path)
