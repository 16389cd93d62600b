"""Names of nodes: those that every lab has, those of the topologies, and those of an inventory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from SageLibrary.arguments import node_name
from SageLibrary.arguments.node_name import Host, NodeName
from SageLibrary.arguments.times import read_time


@pytest.fixture
def fresh() -> Iterator[None]:
    node_name._others.cache_clear()
    yield
    node_name._others.cache_clear()


@pytest.mark.parametrize("name", ["head", "worker-1", "worker-12", "new-worker", "new-worker-3"])
def test_a_name_of_a_lab_is_right(name: str) -> None:
    assert NodeName.parse(f" {name.upper()} ") == name


@pytest.mark.parametrize(("name", "near"), [("wroker-7", "worker-7"), ("haed", "head"), ("new worker", "new-worker")])
def test_another_is_answered_with_the_nearest(name: str, near: str) -> None:
    with pytest.raises(ValueError, match=f"'{name}' is no node; did you mean '{near}'"):
        NodeName.parse(name)


@pytest.mark.parametrize("host", ["198.18.1.99:22", "no-such-node", "a:22", "[::1]:2222", "worker-3:2222", "::1"])
def test_a_host_may_be_any(host: str) -> None:
    assert Host.parse(host) == host


@pytest.mark.parametrize("host", ["wroker-1", "new-wroker:22", "worker-0"])
def test_a_host_that_is_nearly_a_node_is_refused(host: str) -> None:
    with pytest.raises(ValueError, match="is no node; did you mean"):
        Host.parse(host)


@pytest.mark.usefixtures("fresh")
def test_spares_of_topologies_are_nodes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine.yaml").write_text("workers: 1\nspares: [reserve]\n")
    monkeypatch.setattr(node_name, "TOPOLOGIES", tmp_path)
    assert NodeName.parse("reserve") == "reserve"


@pytest.mark.usefixtures("fresh")
def test_machines_of_the_inventory_are_nodes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inventory = tmp_path / "machines.yaml"
    inventory.write_text("user: sage\nkey: k\nmachines:\n- {name: head, role: head}\n- {name: rack7}\n")
    with pytest.raises(ValueError, match="'rack7' is no node"):
        NodeName.parse("rack7")
    node_name._others.cache_clear()
    monkeypatch.setenv("SAGE_LAB_INVENTORY", str(inventory))
    assert NodeName.parse("rack7") == "rack7"


@pytest.mark.parametrize(
    ("text", "seconds"), [("30 s", 30), ("1 min 30 s", 90), ("500 ms", 0.5), ("5", 5), (2.5, 2.5), ("00:01:00", 60)]
)
def test_a_time(text: str | float, seconds: float) -> None:
    assert read_time(text).total_seconds() == seconds


@pytest.mark.parametrize(("text", "hint"), [("5 secnds", "did you mean 'seconds'"), ("soon", "Times are: 30 s")])
def test_what_is_no_time_is_answered_with_the_unit(text: str, hint: str) -> None:
    with pytest.raises(ValueError, match=hint):
        read_time(text)
