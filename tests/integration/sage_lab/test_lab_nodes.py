"""Nodes of a real lab: what they can do, what they can reach, and what they cannot see."""

import errno
import os
import pwd
import socket
import sys
from pathlib import Path

import pytest

from sage_lab import CommandTimeoutError, Completed, Lab, LabError, NodeStateError, Topology
from sage_lab.machine import commands, namespaces
from sage_lab.machine.environment import shared_directories
from sage_lab.topology import MIB
from tests.support.waiting import wait_for

pytestmark = pytest.mark.lab

PROJECT = Path(__file__).resolve().parents[3]
PROVISIONED = ("/home/sage", "/opt/conda")


def shell(lab: Lab, node: str, line: str, user: str = "root", timeout: float = 30.0) -> Completed:
    return lab.run(node, ["sh", "-c", line], user=user, timeout=timeout)


def reaches(lab: Lab, source: str, target: str) -> bool:
    """Whether a node gets an SSH greeting from a name."""
    line = f"timeout 2 bash -c 'read -r line </dev/tcp/{target}/22 && echo $line'"
    return shell(lab, source, line).stdout.startswith("SSH-")


def connect(lab: Lab, address: str) -> None:
    """Connect from the lab's own network, without entering it with the whole process."""
    network = Path("/run/netns") / lab.name
    namespaces.on_network(network, lambda: socket.create_connection((address, 22), timeout=1).close())


def test_every_node_is_healthy(lab: Lab) -> None:
    health = lab.status()
    assert [node.name for node in health] == ["head", "worker-1", "worker-2"]
    assert all(node.state == "running" and node.ssh and node.plugged for node in health)
    assert all(0 < node.memory_used < node.memory_limit for node in health)


def test_an_identical_healthy_lab_is_reused_and_another_topology_is_built_anew(lab: Lab) -> None:
    said: list[str] = []
    started = lab.run("head", ["cat", "/proc/1/stat"]).stdout.split()[21]
    again = Lab.up(lab.topology, name=lab.name, report=said.append)
    assert said == [f"lab {lab.name} is up already"]
    assert again.run("head", ["cat", "/proc/1/stat"]).stdout.split()[21] == started
    assert Lab.attach(lab.name).nodes == lab.nodes


def test_a_command_s_result_comes_back_whole(lab: Lab) -> None:
    ended = lab.run("head", ["sh", "-c", "cat; echo no >&2; exit 3"], stdin="a\nb\n")
    assert (ended.returncode, ended.stdout, ended.stderr) == (3, "a\nb\n", "no\n")
    assert len(lab.run("head", ["head", "-c", "3000000", "/dev/zero"]).stdout) == 3_000_000
    assert lab.run("head", ["printf", "%s", "a b'$(id)"]).stdout == "a b'$(id)"


def test_a_command_runs_as_the_user_asked_for(lab: Lab) -> None:
    assert shell(lab, "head", "id -un; echo $HOME", user="sage").stdout == "sage\n/home/sage\n"
    with pytest.raises(LabError, match="no user 'nobody'"):
        lab.run("head", ["id"], user="nobody")


def test_a_command_that_hangs_is_killed_on_the_node(lab: Lab) -> None:
    with pytest.raises(CommandTimeoutError, match=f"worker-1: did not end within {0.5 * lab.pace:g} s"):
        lab.run("worker-1", ["sh", "-c", "sleep 4321; true"], timeout=0.5)
    assert "4321" not in shell(lab, "worker-1", "ps axo args | grep -v grep | grep 'sleep 43'").stdout


def test_names_resolve_to_the_cluster_link_on_nodes(lab: Lab) -> None:
    for node in lab.nodes:
        found = shell(lab, "head", f"getent hosts {node.name} {node.name}-control").stdout.split()
        assert found == [node.cluster_address, node.name, node.control_address, f"{node.name}-control"]
    assert shell(lab, "worker-1", "hostname").stdout == "worker-1\n"
    assert reaches(lab, "head", "worker-1")


def test_ssh_with_openssh_works_as_user_sage_and_passes_the_status_on(lab: Lab) -> None:
    def ssh(*command: str) -> Completed:
        argv = ["ssh", "-F", str(lab.ssh_config_path), "worker-1", *command]
        return namespaces.on_network(Path("/run/netns") / lab.name, lambda: commands.try_run(argv))

    ended = ssh("id -un; hostname; exit 9")
    assert (ended.returncode, ended.stdout) == (9, "sage\nworker-1\n"), ended.stderr
    refused = ssh("-l", "root", "-o", "PreferredAuthentications=password", "id")
    assert refused.returncode != 0


def test_the_key_is_private_and_the_configuration_names_the_nodes(lab: Lab) -> None:
    assert lab.key_path.stat().st_mode & 0o777 == 0o600
    assert lab.config_path.read_text().count("worker-") == 2


def test_nothing_private_of_this_machine_is_readable(lab: Lab) -> None:
    seen = shell(lab, "head", "find /root /home /opt /srv /mnt /media /tmp /boot -xdev 2>/dev/null").stdout
    allowed = {Path(sys.prefix), Path(sys.base_prefix)}
    for line in seen.splitlines():
        path = Path(line)
        parent = any(shared.is_relative_to(path) for shared in allowed)
        below = any(path.is_relative_to(shared) for shared in allowed)
        ours = any(path.is_relative_to(made) for made in PROVISIONED) or path.name.startswith("sage-lab")
        assert parent or below or ours or path.parent == Path("/"), f"{line} is visible"
    hashes = shell(lab, "head", "cut -d: -f2 /etc/shadow | sort -u").stdout.split()
    assert hashes == ["*"]
    people = [user.pw_name for user in pwd.getpwall() if 1000 <= user.pw_uid < 60000 and user.pw_name != "sage"]
    accounts = shell(lab, "head", "cut -d: -f1 /etc/passwd").stdout.split()
    assert not set(people) & set(accounts)
    for path in ("/etc/sudoers", "/etc/ssl/private", "/etc/cron.d", "/lost+found", str(lab.directory)):
        assert lab.run("head", ["test", "-e", path]).returncode != 0, f"{path} is visible"


def test_host_keys_are_the_node_s_own(lab: Lab) -> None:
    fingerprints = {shell(lab, n.name, "cat /etc/ssh/*.pub").stdout.split()[1] for n in lab.nodes}
    assert len(fingerprints) == len(lab.nodes)
    for path in Path("/etc/ssh").glob("ssh_host_*.pub"):
        assert path.read_text().split()[1] not in fingerprints
    assert shell(lab, "head", "stat -c %a /etc/ssh/ssh_host_ed25519_key").stdout == "600\n"


def test_of_the_project_only_the_environment_is_there_and_it_is_read_only(lab: Lab) -> None:
    assert lab.run("head", ["test", "-e", str(PROJECT / "libraries")]).returncode != 0
    assert lab.run("head", [sys.executable, "-c", "import yaml"], user="sage").returncode == 0
    assert lab.run("head", [sys.executable, "-c", "import sage_lab"], user="sage").returncode != 0
    for directory in shared_directories():
        ended = lab.run("head", ["touch", f"{directory}/probe"])
        assert "Read-only file system" in ended.stderr


def test_a_disk_really_fills_and_no_neighbour_notices(lab: Lab) -> None:
    size = lab.topology.disk
    script = f"""
import errno, os
written = 0
with open("/tmp/fill", "wb", buffering=0) as file:
    try:
        while written <= {2 * size}:
            written += file.write(bytes(1 << 20))
    except OSError as error:
        print(written, error.errno)
"""
    try:
        written, number = lab.run("worker-1", ["/usr/bin/env", sys.executable, "-c", script]).stdout.split()
        assert int(number) == errno.ENOSPC
        assert size - 8 * MIB <= int(written) <= size
        health = {node.name: node for node in lab.status()}
        assert health["worker-1"].disk_used > size - 8 * MIB
        assert health["worker-1"].state == "running"
        assert shell(lab, "worker-2", "head -c 1000000 /dev/zero >/tmp/fine && rm /tmp/fine").returncode == 0
    finally:
        lab.run("worker-1", ["rm", "-f", "/tmp/fill"])


def test_power_off_ends_everything_and_power_on_keeps_the_disk(lab: Lab) -> None:
    shell(lab, "worker-1", "echo kept >/tmp/kept; touch /run/fresh /dev/shm/fresh; nft add table inet mine")
    lab.node("worker-1").power_off()
    try:
        states = {node.name: node for node in lab.status()}
        assert (states["worker-1"].state, states["worker-1"].ssh) == ("stopped", False)
        assert states["worker-2"].ssh
        with pytest.raises(NodeStateError, match="the node is stopped"):
            lab.run("worker-1", ["true"])
        lab.node("worker-1").power_off()
    finally:
        lab.node("worker-1").power_on()
    lab.node("worker-1").power_on()
    after = shell(lab, "worker-1", "cat /tmp/kept; ls /run/fresh /dev/shm/fresh; nft list tables")
    assert after.stdout == "kept\n"
    assert reaches(lab, "head", "worker-1")


def test_unplug_cuts_the_cluster_link_only_and_lasts_over_a_power_cycle(lab: Lab) -> None:
    worker = lab.node("worker-2")
    lab.node("worker-2").unplug()
    try:
        assert not reaches(lab, "head", "worker-2")
        assert not reaches(lab, "worker-2", "head")
        connect(lab, worker.control_address)
        assert lab.run("worker-2", ["hostname"]).stdout == "worker-2\n"
        assert not {node.name: node for node in lab.status()}["worker-2"].plugged
        lab.node("worker-2").power_off()
        lab.node("worker-2").power_on()
        assert not reaches(lab, "head", "worker-2")
    finally:
        lab.node("worker-2").plug()
    wait_for(lambda: reaches(lab, "head", "worker-2"))


def test_freeze_stops_a_node_and_thaw_lets_it_go_on(lab: Lab) -> None:
    lab.node("worker-1").freeze()
    try:
        lab.node("worker-1").freeze()
        frozen = {node.name: node for node in lab.status()}["worker-1"]
        assert (frozen.state, frozen.ssh) == ("paused", False)
        with pytest.raises(NodeStateError, match="the node is paused"):
            lab.run("worker-1", ["true"])
    finally:
        lab.node("worker-1").thaw()
    assert lab.run("worker-1", ["true"]).returncode == 0
    with pytest.raises(NodeStateError, match="cannot thaw it"):
        try:
            lab.node("worker-1").power_off()
            lab.node("worker-1").thaw()
        finally:
            lab.node("worker-1").power_on()


def test_a_frozen_node_can_be_powered_off(lab: Lab) -> None:
    lab.node("worker-1").freeze()
    lab.node("worker-1").power_off()
    lab.node("worker-1").power_on()
    assert lab.run("worker-1", ["true"]).returncode == 0


def test_orphans_are_reaped(lab: Lab) -> None:
    shell(lab, "head", "for n in 1 2 3 4 5; do (sleep 0 & exec true) & done; wait; (setsid sleep 0.05 &)")
    look = "until ! ps axo stat,comm | grep -q '^Z\\|sleep 0'; do :; done; ps axo stat | grep -c ^Z"
    assert shell(lab, "head", look, timeout=10).stdout == "0\n"


def test_no_packet_has_a_way_out(lab: Lab) -> None:
    network = Path("/run/netns") / lab.name
    text = namespaces.on_network(network, Path("/proc/thread-self/net/route").read_text)
    routes = [line.split() for line in text.splitlines()[1:]]
    assert routes
    assert all(destination != "00000000" for _, destination, *_ in routes)
    for node in lab.nodes:
        assert "default" not in lab.run(node.name, ["ip", "route"]).stdout
        assert lab.run(node.name, ["ip", "-6", "address", "show"]).stdout == ""
    forwards = namespaces.on_network(network, Path("/proc/sys/net/ipv4/ip_forward").read_text)
    assert forwards == "0\n"
    with pytest.raises(OSError, match="unreachable"):
        namespaces.on_network(network, lambda: socket.create_connection(("192.0.2.1", 80), timeout=1))


def test_two_labs_at_once_do_not_meet(lab: Lab) -> None:
    other = Lab.up(Topology.of(workers=1), name=f"t-two-{os.getpid()}")
    try:
        assert shell(lab, "head", "echo first >/tmp/whose").returncode == 0
        assert other.run("head", ["test", "-e", "/tmp/whose"]).returncode != 0
        assert other.node("head") == lab.node("head")
        other.node("head").power_off()
        assert all(node.state == "running" for node in lab.status())
    finally:
        other.down()
    assert all(node.state == "running" and node.ssh for node in lab.status())
