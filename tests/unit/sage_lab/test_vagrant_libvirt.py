"""Power, freezing, cables and the sweep through virsh, which is replayed."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from sage_lab import LabError, NodeStateError, SweepError
from sage_lab.errors import HostCommandError
from sage_lab.machine import commands
from sage_lab.providers.vagrant import libvirt
from tests.support.replayed import LEFT, said_to, virsh


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


def test_a_sweep_removes_what_has_the_lab_s_prefix_and_nothing_else(programs: Path) -> None:
    done = [(words, "") for words in ("destroy", "undefine", "vol-delete", "net-destroy", "net-undefine")]
    player = virsh(programs, *LEFT, *done)
    assert libvirt.sweep("t-vm") is True
    asked = {words for words, _ in LEFT}
    assert [line for line in said_to(player) if line not in asked] == [
        "destroy t-vm_head",
        "undefine t-vm_head --managed-save --snapshots-metadata --nvram",
        "undefine t-vm_worker-1 --managed-save --snapshots-metadata --nvram",
        "vol-delete t-vm_head.img --pool default",
        "net-undefine t-vm_cluster",
        "net-destroy t-vm_control",
        "net-undefine t-vm_control",
    ]


def test_what_a_sweep_cannot_remove_is_named_and_the_rest_is_removed(programs: Path) -> None:
    done = [(words, "") for words in ("destroy", "undefine", "net-destroy", "net-undefine")]
    player = virsh(programs, *LEFT, ("vol-delete", "error: the volume is in use", 1), *done)
    with pytest.raises(SweepError, match=r"vol-delete t-vm_head.img --pool default: error: the volume is in use"):
        libvirt.sweep("t-vm")
    assert said_to(player)[-1] == "net-undefine t-vm_control"


def test_a_sweep_that_libvirt_does_not_answer_is_no_sweep(programs: Path) -> None:
    virsh(programs, ("list", "error: failed to connect to the hypervisor", 1))
    with pytest.raises(SweepError, match="failed to connect"):
        libvirt.sweep("t-vm")


def test_a_sweep_without_virsh_finds_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for program in ("env", "setpriv"):
        (tmp_path / program).symlink_to(shutil.which(program) or program)
    monkeypatch.setattr(commands, "PATH", str(tmp_path))
    assert libvirt.sweep("t-vm") is False
