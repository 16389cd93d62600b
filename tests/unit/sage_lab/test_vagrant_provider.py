"""The provider of virtual machines against a replayed conversation with vagrant and virsh; no machine is made."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from sage_lab import Lab, LabError, Topology
from sage_lab.providers import free_networks
from sage_lab.providers.vagrant import libvirt, provider
from tests.support.replayed import LEFT, replay, said_to, virsh

PROJECT = Path(__file__).parents[3]
SSH_CONFIG = """Host {name}
  HostName 127.0.0.1
  User vagrant
  Port 22
  UserKnownHostsFile /dev/null
  StrictHostKeyChecking no
  PasswordAuthentication no
  IdentityFile /root/.vagrant.d/insecure_private_key
  IdentitiesOnly yes
  LogLevel FATAL
"""
DEFAULT_NET = "<network><name>default</name><ip address='192.168.122.1' netmask='255.255.255.0'></ip></network>"


def test_networks_are_free_of_routes_and_of_libvirt_s_own() -> None:
    routes = '[{"dst": "default"}, {"dst": "198.18.2.0/24"}, {"dst": "198.18.4.7"}, {"dst": "fe80::/64"}]'
    xml = "<ip address='198.18.3.1' netmask='255.255.255.0'>\n<ip address='198.18.5.1' prefix='25'>"
    assert free_networks.choose(2, xml, routes) == ["198.18.6", "198.18.7"]
    assert free_networks.choose(1, "", "[]") == ["198.18.2"]
    with pytest.raises(LabError, match="are free"):
        free_networks.choose(1, "", '[{"dst": "198.0.0.0/8"}]')


def test_a_lab_whose_machines_never_answer_is_swept_and_says_why(
    programs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the first step to the last that needs no real machine: then nobody listens, and all is removed."""
    monkeypatch.setenv("SAGE_LAB_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("SAGE_ACCELERATION", "kvm")
    monkeypatch.setattr(provider, "BATCH", 2)
    monkeypatch.setattr(provider, "_READY", {"kvm": 0.2})
    monkeypatch.setattr("os.geteuid", lambda: 0)
    session: list[dict[str, Any]] = [{"words": ["up"], "says": "==> head: Machine booted and ready!\n"}]
    session += [
        {"words": ["ssh-config", name], "says": SSH_CONFIG.format(name=name)} for name in ("head", "worker-1", "extra")
    ]
    talk = replay(programs, "vagrant", session)
    replay(programs, "ssh-keyscan", [{"words": [], "says": "# comment\n127.0.0.1 ssh-ed25519 AAAAKEY\n"}])
    kept = [(words, "") for words in ("undefine", "destroy", "vol-delete", "net-undefine", "net-destroy")]
    player = virsh(programs, ("net-dumpxml", DEFAULT_NET), *LEFT, *kept)
    monkeypatch.setattr(libvirt, "need_free_names", lambda *_: None)  # the played virsh has them from the beginning
    # Where something listens on this machine's port 22, the host key tells that it is no node.
    with pytest.raises(LabError, match=r"no SSH over the control link|host key"):
        Lab.up(Topology.of(workers=1, spares=("extra",)), "t-vm", provider="vagrant")
    ups = [call for call in talk.calls if call["words"][0] == "up"]
    assert [call["words"] for call in ups] == [
        ["up", "head", "worker-1", "--provider=libvirt"],
        ["up", "extra", "--provider=libvirt"],
    ]
    told = ups[0]["env"]
    assert told["SAGE_LAB"] == "t-vm"
    assert told["SAGE_NETWORKS"].count("198.18.") == 2
    assert told["VAGRANT_DOTFILE_PATH"] == str(tmp_path / "home" / "t-vm" / "vagrant")
    assert "undefine t-vm_head --managed-save --snapshots-metadata --nvram" in said_to(player)
    assert not [line for line in said_to(player) if "t-vm_db" in line], "nobody's machine of this lab"
    assert not (tmp_path / "home").exists()


@pytest.mark.skipif(not shutil.which("vagrant"), reason="vagrant is not installed: apt-get install vagrant")
@pytest.mark.parametrize(
    "topology", sorted((PROJECT / "resources" / "topologies").glob("*.yaml")), ids=lambda path: path.name
)
def test_the_vagrantfile_is_valid_for_every_shipped_topology(topology: Path, tmp_path: Path) -> None:
    plugins = subprocess.run(["vagrant", "plugin", "list"], capture_output=True, text=True, check=False).stdout
    if "vagrant-libvirt" not in plugins:
        pytest.skip("vagrant-libvirt is not installed: apt-get install vagrant-libvirt")
    place = {"VAGRANT_HOME": str(tmp_path / "home"), "VAGRANT_DOTFILE_PATH": str(tmp_path / "dot")}
    ended = subprocess.run(
        ["vagrant", "validate"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env={**os.environ, **place, "SAGE_TOPOLOGY": str(topology)},
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "validated successfully" in ended.stdout
