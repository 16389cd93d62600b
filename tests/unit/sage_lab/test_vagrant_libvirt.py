"""Power, freezing, cables and what a sweep removes through virsh, which is replayed."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from sage_lab import LabError, LabNameError, NodeStateError, SweepError
from sage_lab.errors import HostCommandError
from sage_lab.ledger import Ledger
from sage_lab.machine import commands
from sage_lab.providers.vagrant import libvirt
from tests.support.replayed import LEFT, Replayed, said_to, virsh


@pytest.mark.parametrize(
    ("said", "state"),
    [
        ("running\n\n", "running"),
        ("paused\n\n", "paused"),
        ("shut off\n\n", "stopped"),
        ("crashed\n\n", "stopped"),
        ("in shutdown\n\n", "stopped"),
    ],
)
def test_the_state_of_a_domain_is_one_of_the_lab_s(programs: Path, said: str, state: str) -> None:
    player = virsh(programs, ("domstate t-vm_head", said))
    assert libvirt.Domain("t-vm", "head", "02:00:00:00:00:01").state() == state
    assert said_to(player) == ["domstate t-vm_head"]


def test_a_domain_that_is_not_there_is_stopped_and_another_trouble_is_an_error(programs: Path) -> None:
    virsh(programs, ("domstate", "error: failed to get domain 't-vm_head'", 1))
    assert libvirt.Domain("t-vm", "head", "x").state() == "stopped"
    virsh(programs, ("domstate", "error: failed to connect to the hypervisor", 1))
    with pytest.raises(HostCommandError, match="failed to connect to the hypervisor"):
        libvirt.Domain("t-vm", "head", "x").state()


def test_power_freeze_and_cable_are_asked_of_libvirt_once(programs: Path) -> None:
    link = "02:00:c6:13:01:0a"
    domain = libvirt.Domain("t-vm", "head", link)
    player = virsh(programs, ("domstate", "running"), ("destroy", ""), ("suspend", ""), ("domif-setlink", ""))
    domain.power_off()
    domain.power_on()
    domain.freeze()
    domain.thaw()
    domain.plug(plugged=False)
    done = [line for line in said_to(player) if not line.startswith("domstate")]
    assert done == ["destroy t-vm_head", "suspend t-vm_head", f"domif-setlink t-vm_head {link} down"]
    player = virsh(programs, ("domstate", "shut off"), ("start", ""))
    domain.power_off()
    domain.power_on()
    with pytest.raises(NodeStateError, match="cannot freeze it: the node is stopped"):
        domain.freeze()
    assert "start t-vm_head" in said_to(player)
    assert "destroy t-vm_head" not in said_to(player)


@pytest.mark.parametrize(("said", "plugged"), [(f"{'02:00'} up\n", True), ("02:00 down\n", False)])
def test_a_cable_is_plugged_or_not(programs: Path, said: str, plugged: bool) -> None:
    virsh(programs, ("domif-getlink t-vm_head 02:00", said))
    assert libvirt.Domain("t-vm", "head", "02:00").plugged() is plugged


def test_a_snapshot_of_the_same_name_goes_before_and_an_unknown_one_is_named(programs: Path) -> None:
    domain = libvirt.Domain("t-vm", "head", "x")
    done = [(words, "") for words in ("snapshot-delete", "snapshot-create-as", "snapshot-revert")]
    player = virsh(programs, ("snapshot-list", "fresh\n"), *done)
    domain.save("fresh")
    domain.rollback("fresh")
    assert [line for line in said_to(player) if "list" not in line] == [
        "snapshot-delete t-vm_head fresh",
        "snapshot-create-as t-vm_head fresh",
        "snapshot-revert t-vm_head fresh --paused",
    ]
    with pytest.raises(LabError, match="there is no snapshot 'other'"):
        domain.rollback("other")


DONE = [(words, "") for words in ("destroy", "undefine", "vol-delete", "net-destroy", "net-undefine")]


def asked_to_do(player: Replayed) -> list[str]:
    return [line for line in said_to(player) if line not in {words for words, _ in LEFT}]


def test_a_machine_goes_with_its_volumes_and_nothing_else(programs: Path) -> None:
    player = virsh(programs, *LEFT, *DONE)
    assert libvirt.remove_domain("t-vm_head") is True
    assert libvirt.remove_domain("t-vm_worker-1") is True
    assert libvirt.remove_domain("t-vm_worker-2") is False
    assert asked_to_do(player) == [
        "destroy t-vm_head",
        "undefine t-vm_head --managed-save --snapshots-metadata --nvram",
        "vol-delete t-vm_head.img --pool default",
        "vol-delete t-vm_head-vdb.qcow2 --pool default",
        "undefine t-vm_worker-1 --managed-save --snapshots-metadata --nvram",
    ]


def test_a_network_goes_by_its_name(programs: Path) -> None:
    player = virsh(programs, *LEFT, *DONE)
    assert [libvirt.remove_network(f"t-vm_{link}") for link in ("cluster", "control", "other")] == [True, True, False]
    assert asked_to_do(player) == ["net-undefine t-vm_cluster", "net-destroy t-vm_control", "net-undefine t-vm_control"]


def test_a_lab_whose_name_begins_somebody_s_machine_s_leaves_that_alone(programs: Path, tmp_path: Path) -> None:
    """Only what the ledger names goes: t-vm_db is no node of the lab t-vm."""
    ledger = Ledger(tmp_path / "t-vm")
    ledger.path.parent.mkdir()
    for name in ("t-vm_head", "t-vm_worker-1"):
        ledger.record("libvirt-domain", name)
    player = virsh(programs, *LEFT, *DONE)
    ledger.undo()
    assert not [line for line in asked_to_do(player) if "t-vm_db" in line]


def test_names_that_somebody_has_already_are_refused_before_anything_is_made(programs: Path) -> None:
    virsh(programs, *LEFT)
    libvirt.need_free_names(["t-new_head"], ["t-new_control"])
    with pytest.raises(
        LabNameError, match=r"of these names: t-vm_control, t-vm_head, t-vm_head-vdb.qcow2, t-vm_head.img"
    ):
        libvirt.need_free_names(["t-vm_head", "t-vm_worker-2"], ["t-vm_control"])


def test_what_a_sweep_cannot_remove_is_named_and_the_rest_is_removed(programs: Path, tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "t-vm")
    ledger.path.parent.mkdir()
    ledger.record("libvirt-network", "t-vm_cluster")
    ledger.record("libvirt-domain", "t-vm_head")
    player = virsh(programs, *LEFT, ("vol-delete", "error: the volume is in use", 1), *DONE)
    with pytest.raises(SweepError, match=r"vol-delete t-vm_head.img --pool default: error: the volume is in use"):
        ledger.undo()
    assert asked_to_do(player)[-1] == "net-undefine t-vm_cluster"


def test_a_sweep_that_libvirt_does_not_answer_is_no_sweep(programs: Path) -> None:
    virsh(programs, ("list", "error: failed to connect to the hypervisor", 1))
    with pytest.raises(SweepError, match="failed to connect"):
        libvirt.remove_domain("t-vm_head")


def test_a_sweep_without_virsh_finds_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for program in ("env", "setpriv"):
        (tmp_path / program).symlink_to(shutil.which(program) or program)
    monkeypatch.setattr(commands, "PATH", str(tmp_path))
    assert libvirt.remove_domain("t-vm_head") is False
