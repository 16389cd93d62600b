"""Machines that exist already: the nodes of a container lab play them, reached over SSH from inside its network."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sage_lab import Lab, Topology
from sage_lab.faults import compare, snapshot
from tests.support import static_machines

pytestmark = pytest.mark.lab

BIN = Path(sys.prefix) / "bin"


@pytest.fixture(scope="module")
def machines() -> Iterator[Lab]:
    """The lab below, whose nodes are the machines; their user may become root."""
    built = Lab.up(Topology.of(workers=1, spares=("new-worker",)), name=f"t-under-{os.getpid()}")
    try:
        static_machines.allow_sudo(built)
        yield built
    finally:
        built.down()


@pytest.fixture
def inventory(machines: Lab, tmp_path: Path) -> Path:
    return static_machines.inventory(machines, tmp_path / "machines.yaml")


@pytest.fixture
def name(machines: Lab) -> Iterator[str]:
    chosen = f"t-static-{os.getpid()}"
    yield chosen
    inside(machines, str(BIN / "sage-lab"), "down", "--name", chosen)


def inside(machines: Lab, *argv: str, status: int = 0, timeout: float = 120, **environment: str) -> str:
    """What a command said that ran in the machines' network, on standard output or, if it failed, on the other."""
    ended = subprocess.run(
        [str(BIN / "sage-lab"), "exec", "--name", machines.name, "--", *argv],
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout,
        env={**os.environ, **environment},
    )
    assert ended.returncode == status, ended.stdout + ended.stderr
    return ended.stderr if status else ended.stdout


def up(machines: Lab, inventory: Path, name: str, status: int = 0) -> str:
    argv = ["up", "--provider", "static", "--inventory", str(inventory), "--name", name, "--json"]
    return inside(machines, str(BIN / "sage-lab"), *argv, status=status)


def answer(machines: Lab, name: str, code: str) -> Any:
    """Run the code with ``lab``, the lab of existing machines, and return the JSON that it prints."""
    begin = "import json, sys\nfrom sage_lab import *\nlab = Lab.attach(sys.argv[1])\nlab.enter()\n"
    return json.loads(inside(machines, sys.executable, "-c", begin + textwrap.dedent(code), name))


def test_commands_run_as_the_user_and_as_root_and_are_killed_in_time(machines: Lab, inventory: Path, name: str) -> None:
    described = json.loads(up(machines, inventory, name))
    assert described["provider"] == "static"
    assert [node["name"] for node in described["nodes"]] == ["head", "worker-1", "new-worker"]
    seen = answer(
        machines,
        name,
        """
        users = [lab.run("worker-1", ["id", "-un"], user=user).stdout.strip() for user in ("root", "sage")]
        echo = lab.run("head", ["cat"], stdin="a'b" * 100_000)
        quoted = lab.run("head", ["sh", "-c", 'echo "$1"; exit 9', "-", "a  b; $HOME"])
        deaf = lab.run("head", ["true"], stdin="x" * 1_000_000)
        try:
            lab.run("head", ["sleep", "777"], timeout=0.5)
        except CommandTimeoutError as error:
            slow = str(error)
        left = lab.run("head", ["sh", "-c", "ps -eo args= | grep '^sleep 777' || true"]).stdout
        print(json.dumps([users, echo.stdout == "a'b" * 100_000, quoted.stdout, quoted.returncode, deaf.returncode,
                          slow, left]))
        """,
    )
    assert seen[:5] == [["root", "sage"], True, "a  b; $HOME\n", 9, 0]
    assert "did not end within 0.5 s and was killed: sleep 777" in seen[5]
    assert seen[6] == ""


def test_a_lab_of_existing_machines_is_made_once_and_health_is_the_machine_s_own(
    machines: Lab, inventory: Path, name: str
) -> None:
    up(machines, inventory, name)
    description = machines.directory.parent / name / "lab.json"
    written = description.stat().st_mtime_ns
    up(machines, inventory, name)
    assert description.stat().st_mtime_ns == written, "it was there, and was made again"
    seen = answer(
        machines,
        name,
        """
        health = [[one.name, one.state, one.ssh, one.memory_limit > 0, one.disk_size > 0] for one in lab.status()]
        print(json.dumps([health, lab.unsupported_reason(Capability.CLUSTER_LINK)]))
        """,
    )
    assert seen == [
        [[node, "running", True, True, True] for node in ("head", "worker-1", "new-worker")],
        "",
    ]


def test_a_machine_that_is_off_is_unknown_and_its_commands_fail(machines: Lab, inventory: Path, name: str) -> None:
    up(machines, inventory, name)
    machines.node("new-worker").power_off()
    try:
        seen = answer(
            machines,
            name,
            """
            try:
                lab.run("new-worker", ["true"])
            except NodeStateError as error:
                said = str(error)
            print(json.dumps([said, [one.state for one in lab.status()]]))
            """,
        )
    finally:
        machines.node("new-worker").power_on()
    assert "new-worker, 198.18.0.12:22: does not answer over SSH" in seen[0]
    assert seen[1] == ["running", "running", "unknown"]


def test_everything_that_is_wrong_with_the_machines_is_told_at_once(machines: Lab, tmp_path: Path, name: str) -> None:
    listed = [static_machines.machine(node) for node in machines.nodes]
    known = tmp_path / "known_hosts"
    lines = machines.known_hosts_path.read_text().splitlines(keepends=True)
    known.write_text("".join(line for line in lines if not line.startswith("new-worker,")))
    listed[0]["python"] = "/no/python"
    listed[1]["port"] = 23
    inventory = static_machines.inventory(machines, tmp_path / "machines.yaml", machines=listed, known_hosts=str(known))
    said = up(machines, inventory, name, status=1)
    assert f"{inventory}: 3 things are not as a lab needs them" in said
    assert "head: python '/no/python'" in said
    assert "worker-1, 198.18.0.11:23: does not answer over SSH" in said
    assert "new-worker, 198.18.0.12:22" in said
    assert "its host key is not known" in said
    assert "Traceback" not in said
    assert "is not up" in inside(machines, str(BIN / "sage-lab"), "status", "--name", name, status=1)


def test_down_leaves_the_machines_as_they_were_and_heals_what_is_broken(
    machines: Lab, inventory: Path, name: str
) -> None:
    before = snapshot(machines)
    up(machines, inventory, name)
    answer(
        machines,
        name,
        """
        from sage_lab.faults import inject
        fault = inject(lab, "unwritable temp dir", "worker-1", duration=60, lease=90)
        print(json.dumps(fault.id))
        lab.down()
        """,
    )
    assert compare(before, snapshot(machines)) == []
    assert not (machines.directory.parent / name).exists()


def test_a_lab_goes_down_though_a_machine_with_a_fault_is_gone(machines: Lab, inventory: Path, name: str) -> None:
    up(machines, inventory, name)
    answer(
        machines,
        name,
        """
        from sage_lab.faults import inject
        fault = inject(lab, "unwritable temp dir", "worker-1", "new-worker", lease=20)
        print(json.dumps(fault.id))
        """,
    )
    machines.node("new-worker").power_off()
    try:
        said = inside(machines, str(BIN / "sage-lab"), "down", "--name", name)
    finally:
        machines.node("new-worker").power_on()
    assert "left as it is: 'unwritable temp dir' on new-worker: the machine does not answer" in said
    assert not (machines.directory.parent / name).exists()
    there = "test ! -e /tmp/ray || test -w /tmp/ray"
    assert machines.run("worker-1", ["sh", "-c", there], user="sage").returncode == 0, "the other one is healed"
    machines.run("new-worker", ["rm", "-rf", "/tmp/ray"])  # its lease ended with its power


def test_a_command_that_takes_too_long_ends_no_other(machines: Lab, inventory: Path, name: str) -> None:
    up(machines, inventory, name)
    seen = answer(
        machines,
        name,
        """
        from concurrent.futures import ThreadPoolExecutor
        from sage_lab.providers import ssh_access
        ssh_access._GRACE = 0.5
        with ThreadPoolExecutor() as pool:
            other = pool.submit(lab.run, "worker-1", ["sh", "-c", "sleep 4; echo whole"], user="sage")
            try:  # its process group is another one, so that the machine itself does not end it in time
                lab.run("worker-1", ["sh", "-c", "setsid sleep 8"], user="sage", timeout=0.5)
            except CommandTimeoutError as error:
                said = str(error)
        print(json.dumps([said, other.result().stdout]))
        """,
    )
    assert "the machine did not confirm it" in seen[0]
    assert seen[1] == "whole\n"


def test_everything_is_killed_but_the_session_that_does_it(machines: Lab, inventory: Path, name: str) -> None:
    up(machines, inventory, name)
    machines.run("worker-1", ["sh", "-c", "setsid sleep 777 >/dev/null 2>&1 &"], user="sage")
    left = answer(
        machines,
        name,
        """
        from SageLibrary.keywords.faults import KILL_ALL
        lab.run("worker-1", ["sh", "-c", KILL_ALL], user="sage")
        print(json.dumps(lab.run("worker-1", ["ps", "-u", "sage", "-o", "args="], user="sage").stdout))
        """,
    )
    assert "sleep" not in left
    assert "sshd" in left


def test_a_cluster_starts_on_them_and_stops(machines: Lab, inventory: Path, name: str) -> None:
    config = json.loads(up(machines, inventory, name))["config"]
    # `sage-lab exec` names the configuration of the lab below.
    cluster = ["env", f"SAGE_CONFIG={config}", str(BIN / "sage-cluster")]
    inside(machines, *cluster, "config", "set", "recovery.enabled", "false")
    inside(machines, *cluster, "start", timeout=180)
    status = json.loads(inside(machines, *cluster, "--json", "status"))
    assert [node["state"] for node in (status["head"], *status["workers"])] == ["running", "running"]
    inside(machines, *cluster, "stop")
