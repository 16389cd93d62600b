"""Topologies and the nodes and addresses that follow from them."""

from pathlib import Path

import pytest

from sage_lab import Topology, TopologyError
from sage_lab.model import nodes_of
from sage_lab.topology import GIB, LARGEST_LAB, MIB

SHIPPED = sorted((Path(__file__).parents[3] / "resources" / "topologies").glob("*.yaml"))


def write(directory: Path, text: str) -> Path:
    path = directory / "lab.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_file_is_read_with_sizes_in_words_and_bytes(tmp_path: Path) -> None:
    path = write(tmp_path, "workers: 3\nspares: [extra]\nmemory: 1 GiB\ndisk: 268435456\n")
    topology = Topology.load(path)
    assert (topology.workers, topology.spares) == (3, ("extra",))
    assert (topology.memory, topology.disk) == (GIB, 256 * MIB)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_every_shipped_topology_loads(path: Path) -> None:
    assert Topology.load(path).workers >= 1


def test_the_shipped_default_is_the_default() -> None:
    assert Topology.load(next(path for path in SHIPPED if path.name == "default.yaml")) == Topology()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("wokers: 2", ["unknown key 'wokers'", "known keys: workers"]),
        ("workers: two", ["workers is 'two'", "whole number from 0"]),
        ("workers: true", ["workers is True"]),
        ("workers: -1", ["workers is -1"]),
        (f"workers: {LARGEST_LAB}", ["too many", f"at most {LARGEST_LAB}"]),
        ("spares: extra", ["spares is 'extra'", "list of names"]),
        ("spares: [Extra]", ["'Extra' cannot be a node's name"]),
        ("spares: ['a b']", ["'a b' cannot be a node's name"]),
        ("spares: [head]", ["'head' is taken"]),
        ("spares: [worker-7]", ["'worker-7' is taken"]),
        ("spares: [x-control]", ["'x-control' is taken"]),
        ("spares: [x, x]", ["'x' is taken"]),
        ("memory: 2 GB", ["memory is '2 GB'", "'512 MiB'"]),
        ("disk: 5", ["disk is 5", "64 MiB at least"]),
        ("processes: 3", ["processes is 3"]),
        ("- workers", ["line 1", "holds no keys and values"]),
        ("workers: [", ["is not YAML"]),
    ],
)
def test_a_wrong_file_is_refused_by_name(tmp_path: Path, text: str, said: list[str]) -> None:
    path = write(tmp_path, text)
    with pytest.raises(TopologyError) as caught:
        Topology.load(path)
    for part in [str(path), *said]:
        assert part in str(caught.value)


def test_a_missing_file_names_those_that_are_there(tmp_path: Path) -> None:
    there = write(tmp_path, "workers: 1")
    with pytest.raises(TopologyError, match=str(there)):
        Topology.load(tmp_path / "nothing.yaml")


def test_plain_values_read_back_the_same() -> None:
    topology = Topology.of(workers=4, spares=["a", "b"])
    assert Topology.from_mapping(topology.as_dict(), where="here") == topology


def test_nodes_are_the_head_then_workers_then_spares_with_two_addresses_each() -> None:
    nodes = nodes_of(Topology.of(workers=2, spares=["extra"]))
    assert [(node.name, node.role) for node in nodes] == [
        ("head", "head"),
        ("worker-1", "worker"),
        ("worker-2", "worker"),
        ("extra", "spare"),
    ]
    assert [node.control_address for node in nodes] == [f"198.18.0.{n}" for n in (10, 11, 12, 13)]
    assert [node.cluster_address for node in nodes] == [f"198.18.1.{n}" for n in (10, 11, 12, 13)]


def test_the_largest_lab_fits_into_its_networks() -> None:
    nodes = nodes_of(Topology.of(workers=LARGEST_LAB - 1))
    assert len({node.number for node in nodes}) == LARGEST_LAB
    assert max(node.number for node in nodes) < 255
