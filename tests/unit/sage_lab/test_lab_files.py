"""The files that a lab writes for its users."""

from pathlib import Path

import pytest
import yaml

from sage_lab import Lab, LabNameError, LabNotUpError, Topology, UnknownNodeError, default_name, files
from sage_lab.model import nodes_of
from sage_lab.state import leftovers

NODES = nodes_of(Topology.of(workers=1, spares=["extra"]))


def test_a_name_is_the_cluster_address_and_control_has_its_own() -> None:
    lines = files.hosts(NODES).splitlines()
    assert "198.18.1.11 worker-1" in lines
    assert "198.18.0.11 worker-1-control" in lines
    assert "127.0.0.1 localhost" in lines
    assert not any(line.startswith("127.0.1.1") for line in lines)


def test_a_host_key_is_known_by_both_names_and_both_addresses() -> None:
    keys = {node.name: f"ssh-ed25519 KEY-{node.name} comment" for node in NODES}
    lines = files.known_hosts(NODES, keys).splitlines()
    assert lines[0] == "head,head-control,198.18.1.10,198.18.0.10 ssh-ed25519 KEY-head"
    assert len(lines) == len(NODES)


def test_openssh_goes_over_the_control_link_and_checks_keys() -> None:
    text = files.ssh_config(NODES, Path("/k"), Path("/kh"))
    assert "Host worker-1\n    HostName 198.18.0.11\n" in text
    assert "StrictHostKeyChecking yes" in text


def test_the_configuration_names_the_workers_and_no_spare() -> None:
    config = yaml.safe_load(files.sage_config(NODES, Path("/k"), Path("/kh")))
    assert config["ssh"]["workers"] == [{"host": "worker-1", "port": 22}]
    assert config["ssh"]["host_keys"] == "strict"
    assert config["head"]["host"] == "head"
    assert config["cluster"]["start_concurrency"] >= 2


def test_the_name_follows_the_environment_unless_it_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SAGE_LAB", raising=False)
    first = default_name()
    monkeypatch.setattr("sys.prefix", "/somewhere/else")
    assert default_name() != first
    monkeypatch.setenv("SAGE_LAB", "mine")
    assert default_name() == "mine"


@pytest.mark.parametrize("name", ["", "Lab", "a/b", "../x", "a.b", "-a", "a" * 33, "a b"])
def test_a_name_that_could_not_be_a_directory_or_a_namespace_is_refused(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SAGE_LAB", "A wrong one")
    with pytest.raises(LabNameError, match="cannot be a lab's name"):
        Lab.attach(name)


def test_attaching_to_nothing_names_the_command_to_bring_it_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAGE_LAB_HOME", str(tmp_path))
    with pytest.raises(LabNotUpError, match="sage-lab up --name t-none"):
        Lab.attach("t-none")


def test_an_unfinished_lab_is_a_leftover_and_cannot_be_attached_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SAGE_LAB_HOME", str(tmp_path))
    (tmp_path / "t-half").mkdir()
    assert leftovers() == ["t-half"]
    with pytest.raises(LabNotUpError, match="t-half is not up"):
        Lab.attach("t-half")


def test_an_unknown_node_is_told_with_those_that_exist(tmp_path: Path) -> None:
    lab = Lab("t-lab", tmp_path / "t-lab", Topology.of(workers=1))
    assert lab.node("worker-1").role == "worker"
    with pytest.raises(UnknownNodeError, match="nodes: head, worker-1"):
        lab.node("worker-9")
