"""Inventories of existing machines: what they may say, and errors that name the file, the line and the key."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from sage_lab import (
    Capability,
    Inventory,
    InventoryError,
    Lab,
    LabError,
    MachineError,
    Topology,
    UnsupportedError,
    files,
)
from sage_lab.providers.registry import PROVIDERS, Choice
from sage_lab.providers.ssh_access import Access, SshAccess
from sage_lab.state import home

SHIPPED = sorted((Path(__file__).parents[3] / "resources" / "inventories").glob("*.yaml"))
TOP = "user: me\nkey: id\nknown_hosts: known\n"
MACHINES = "machines:\n- {name: head, role: head, host: 127.0.0.1}\n- {name: worker-1, host: 127.0.0.2, port: 2222}\n"


def write(directory: Path, text: str) -> Path:
    path = directory / "machines.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_what_holds_for_all_is_said_once_and_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    read = Inventory.load(write(tmp_path, TOP + "port: 2200\npython: /p\n" + MACHINES))
    head, worker = read.machines
    assert (head.user, head.key, head.port, head.python) == ("me", str(tmp_path / "id"), 2200, "/p")
    assert (worker.role, worker.host, worker.port) == ("worker", "127.0.0.2", 2222)
    assert read.known_hosts == str(tmp_path / "known")
    assert head.become == "sudo"


def test_the_head_comes_first_and_the_spares_last(tmp_path: Path) -> None:
    text = TOP + "machines:\n- {name: extra, role: spare}\n- {name: w}\n- {name: h, role: head}\n"
    read = Inventory.load(write(tmp_path, text))
    assert [one.name for one in read.machines] == ["h", "w", "extra"]
    assert read.topology() == Topology(workers=1, spares=("extra",))
    assert {one.name: one.host for one in read.machines}["w"] == "w"


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_every_shipped_inventory_loads_and_has_what_the_suites_need(path: Path) -> None:
    Inventory.load(path).need(Topology.of(workers=2, spares=("new-worker",)))


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        (TOP, 1, "machines is missing"),
        (TOP + "machines: []\n", 4, "machines is missing or no list"),
        (TOP + "machines:\n- head\n", 5, "has an entry without keys"),
        (TOP + "machines:\n- {name: head, role: boss}\n", 5, "role is 'boss'"),
        (TOP + "machines:\n- name: head\n  role: head\n  prot: 22\n", 7, "prot is no key that is known here"),
        (TOP + "machines:\n- name: head\n  role: head\n  port: 99999\n", 7, "99999 is no port"),
        (TOP + "machines:\n- name: head\n  role: head\n  port: ssh\n", 7, "port is 'ssh'"),
        (TOP + "machines:\n- name: Head\n  role: head\n", 5, "cannot be a node's name"),
        (TOP + "machines:\n- {role: head}\n", 5, "name is missing"),
        (TOP + "machines:\n- {name: a}\n", 5, "0 machines have the role head"),
        (TOP + "machines:\n- {name: a, role: head}\n- {name: b, role: head}\n", 5, "2 machines have the role head"),
        (TOP + "machines:\n- {name: a, role: head}\n- {name: a}\n", 5, "more than one machine has the name a"),
        (TOP + "machines:\n- {name: a, role: head}\n- {name: b, host: a}\n", 5, "has the host a:22"),
        (TOP + "user: you\n" + MACHINES, 4, "has the key user twice"),
        (TOP + "become: magic\n" + MACHINES, 4, "become is 'magic'"),
        (TOP + "num_cpus: 0\n" + MACHINES, 4, "num_cpus is 0"),
        ("user: me\n" + MACHINES, 3, "key is missing"),
        (TOP + "machines:\n- {name: a, role: head}\n- {name: b, user: you}\n", 1, "user differs between the machines"),
        (TOP + "machines:\n- {name: a, role: head}\n- {name: b, ray: r}\n- {name: c}\n", 1, "ray differs"),
    ],
)
def test_what_is_wrong_is_told_with_file_line_and_key(tmp_path: Path, text: str, line: int, said: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(InventoryError) as caught:
        Inventory.load(path)
    assert said in str(caught.value)
    assert f"{path}, line {line}" in str(caught.value)
    assert caught.value.fix


@pytest.mark.parametrize("text", ["machines: [", "- a\n", "", "\xff: 1\n- x", "port: 2026-13-45\n"])
def test_a_file_that_is_no_mapping_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(InventoryError, match=r"machines\.yaml"):
        Inventory.load(write(tmp_path, text))


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(InventoryError, match="No such file"):
        Inventory.load(tmp_path / "none.yaml")


def test_too_few_machines_for_what_is_wanted_are_told(tmp_path: Path) -> None:
    path = write(tmp_path, TOP + MACHINES)
    with pytest.raises(InventoryError, match="has 1 workers and the spares none; wanted are 2 workers"):
        Choice.of(Topology.of(workers=2), "static", path)


def test_a_choice_is_read_back_from_the_description_of_a_lab(tmp_path: Path) -> None:
    choice = Choice.of(Topology.of(workers=1), "static", write(tmp_path, TOP + MACHINES))
    assert Choice.from_mapping(json.loads(json.dumps(choice.as_dict())), where="x") == choice
    plain = Choice.of(Topology.of(workers=3))
    assert Choice.from_mapping(json.loads(json.dumps(plain.as_dict())), where="x") == plain


@pytest.mark.parametrize(
    ("provider", "inventory", "said"),
    [("cloud", None, "no provider 'cloud'"), ("static", None, "no inventory"), ("container", "x", "makes its own")],
)
def test_a_choice_that_does_not_fit_together_is_refused(provider: str, inventory: str | None, said: str) -> None:
    with pytest.raises(LabError, match=said):
        Choice.of(Topology.of(), provider, inventory)


def test_the_configurations_name_each_machine_as_the_inventory_does(tmp_path: Path) -> None:
    read = Inventory.load(write(tmp_path, TOP + "ray: /r\npython: /p\nnum_cpus: 3\n" + MACHINES))
    config = yaml.safe_load(files.static_sage_config(read))
    assert config["head"] == {
        "host": "127.0.0.1",
        "ssh_port": 22,
        "ray_command": "/r",
        "python_path": "/p",
        "dashboard_host": "0.0.0.0",
        "temp_dir": "/tmp/ray",
        "log_dir": "~/.sage/logs",
        "num_cpus": 3,
    }
    assert config["ssh"]["workers"] == [{"host": "127.0.0.2", "port": 2222}]
    assert config["ssh"]["user"] == "me"
    assert config["remote"] == {"ray_command": "/r", "python_path": "/p"}
    (tmp_path / "lab").mkdir()
    files.write_static(tmp_path / "lab", read)
    assert "Host worker-1\n    HostName 127.0.0.2\n    Port 2222\n" in (tmp_path / "lab" / "ssh_config").read_text()


def test_existing_machines_have_no_power_switch_and_every_provider_says_what_it_lacks(tmp_path: Path) -> None:
    lab = Lab("t", tmp_path / "t", Choice.of(Topology.of(workers=1), "static", write(tmp_path, TOP + MACHINES)))
    assert lab.provider == "static"
    assert [node.cluster_address for node in lab.nodes] == ["127.0.0.1", "127.0.0.2"]
    for capability in Capability:
        assert lab.unsupported_reason(capability), capability
    assert all(reason for provider in PROVIDERS.values() for reason in provider.reasons.values())


def test_a_user_s_lab_of_existing_machines_needs_no_root_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody listens at the machines: the lab says so, by name, and is gone."""
    monkeypatch.setattr("sage_lab.lab.need_root", lambda _: pytest.fail("root was needed"))
    monkeypatch.setenv("SAGE_LAB_HOME", str(tmp_path / "home"))
    text = TOP + MACHINES.replace("127.0.0.1}", "127.0.0.1, port: 1}").replace("2222", "1")
    (tmp_path / "known").touch()
    with pytest.raises(LabError) as caught:
        Lab.up(Topology.of(workers=0), "t-own", provider="static", inventory=write(tmp_path, text))
    assert "2 things are not as a lab needs them" in str(caught.value)
    assert "head, 127.0.0.1:1: does not answer over SSH" in str(caught.value)
    assert not (tmp_path / "home").exists()


def test_a_user_s_labs_are_at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SAGE_LAB_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr("os.geteuid", lambda: 12345)
    assert home() == tmp_path / ".local" / "state" / "sage-lab"


def test_nobody_is_root_where_the_inventory_says_none() -> None:
    way = SshAccess(Access("head", "127.0.0.1", 1, "me", "/no/key", "/no/hosts", become="none"))
    with pytest.raises(UnsupportedError, match="become: none"):
        way.run(["id"], root=True)


def test_files_of_this_machine_that_are_missing_are_named() -> None:
    way = SshAccess(Access("head", "127.0.0.1", 1, "me", "/no/key", "/no/hosts"))
    with pytest.raises(MachineError, match="cannot read /no/key, /no/hosts"):
        way.run(["id"])
