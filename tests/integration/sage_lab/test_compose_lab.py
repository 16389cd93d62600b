"""Nodes by Docker Compose, on the engine of this machine; provision/controller/with-docker.sh starts one."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator

import pytest

from sage_lab import CommandTimeoutError, Lab, LabError, LabNameError, NodeStateError, Topology
from sage_lab.faults import compare, inject, snapshot
from sage_lab.providers.compose.engine import Engine
from sage_lab.topology import GIB, MIB

NAME = f"t-compose-{os.getpid()}"
DISK = 128 * MIB


def missing() -> str:
    """Why no Compose lab can be made here; nothing when one can."""
    try:
        Engine.of_environment(NAME)
    except LabError as error:
        return str(error).replace("\n", " ")
    return ""


REASON = missing()
pytestmark = [pytest.mark.lab, pytest.mark.skipif(bool(REASON), reason=f"no engine for a Compose lab: {REASON}")]


def docker(*argv: str) -> list[str]:
    """The lines that the docker command says."""
    return subprocess.run(["docker", *argv], capture_output=True, text=True, check=True).stdout.split()


def things() -> set[str]:
    """All containers, networks, volumes and images of the engine."""
    return {one for kind in ALL for one in docker(kind, "ls", "--quiet", *ALL[kind])}


ALL = {"container": ["--all"], "network": [], "volume": [], "image": ["--all"]}


@pytest.fixture(scope="module")
def compose() -> Iterator[Lab]:
    before = things()
    topology = Topology(workers=1, memory=GIB, disk=DISK, shared_memory=64 * MIB)
    built = Lab.up(topology, name=NAME, provider="compose")
    try:
        yield built
    finally:
        built.down()
    assert things() == before, "the lab left something in the engine, or removed what is not its own"


def test_nodes_are_reached_by_both_links_know_each_other_and_have_no_way_out(compose: Lab) -> None:
    assert [(one.name, one.state, one.ssh, one.plugged) for one in compose.status()] == [
        ("head", "running", True, True),
        ("worker-1", "running", True, True),
    ]
    for node in compose.nodes:
        assert compose.run("head", ["ping", "-c1", "-W2", node.name]).returncode == 0
        assert compose.run("head", ["ping", "-c1", "-W2", node.control_address]).returncode == 0
    assert "default" not in compose.run("head", ["ip", "route"]).stdout
    assert compose.run("worker-1", ["ping", "-c1", "-W2", "controller"]).returncode == 0


def test_commands_run_as_both_users_and_are_killed_in_time(compose: Lab) -> None:
    assert [compose.run("head", ["id", "-un"], user=user).stdout for user in ("root", "sage")] == ["root\n", "sage\n"]
    assert compose.run("head", ["cat"], stdin="a'b" * 100_000).stdout == "a'b" * 100_000
    assert compose.run("head", ["sh", "-c", "exit 9"]).returncode == 9
    with pytest.raises(CommandTimeoutError, match=r"did not end within 0\.5 s and was killed: sleep 777"):
        compose.run("head", ["sleep", "777"], timeout=0.5)
    assert "sleep 777" not in compose.run("head", ["ps", "-eo", "args"]).stdout
    shown = compose.run("head", [compose.node("head").python, "-c", "import ray; print(ray.__version__)"], user="sage")
    assert shown.returncode == 0, shown.stderr


def test_a_power_cut_keeps_the_disk_and_the_pulled_cable(compose: Lab) -> None:
    files = ["/tmp/stays", "/home/sage/stays"]
    compose.run("worker-1", ["touch", *files])
    compose.node("worker-1").unplug()
    compose.node("worker-1").power_off()
    with pytest.raises(NodeStateError, match="the node is stopped"):
        compose.run("worker-1", ["true"])
    compose.node("worker-1").power_on()
    assert [(one.state, one.plugged) for one in compose.status()] == [("running", True), ("running", False)]
    compose.node("worker-1").plug()
    assert compose.status()[1].plugged
    assert compose.run("worker-1", ["rm", *files]).returncode == 0


@pytest.mark.parametrize(
    "kind",
    ["frozen", "unplugged", "isolated", "too many sessions", "host key changed", "disk full", "read-only temp dir",
     "process table exhausted"],
)  # fmt: skip
def test_a_fault_takes_effect_and_leaves_nothing(compose: Lab, kind: str) -> None:
    compose.run("worker-1", ["install", "-d", "-o", "sage", "/tmp/ray"])
    before = snapshot(compose)
    with inject(compose, kind, "worker-1", lease=60):
        pass
    assert compare(before, snapshot(compose)) == []


def test_a_project_of_this_name_that_is_somebody_else_s_is_left_alone(
    compose: Lab, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    monkeypatch.setenv("SAGE_LAB_HOME", str(tmp_path_factory.mktemp("other")))
    with pytest.raises(LabNameError, match=r"things \(container, network, volume, image\) of a Compose project"):
        Lab.up(Topology.of(workers=0), name=NAME, provider="compose")
    assert all(one.state == "running" for one in compose.status())
