"""A controller that entered the lab: names, children, and the lab's own work from inside."""

import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from sage_lab import Lab, Topology

pytestmark = pytest.mark.lab

SAGE_LAB = Path(sys.prefix) / "bin" / "sage-lab"


@pytest.fixture
def name() -> Iterator[str]:
    chosen = f"t-ctl-{os.getpid()}"
    yield chosen
    Lab.up(Topology.of(workers=0), name=chosen).down()


def controller(code: str, *arguments: str) -> object:
    """Run the code in a process of its own and return the JSON that it prints."""
    ended = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


def test_an_entered_process_and_its_children_resolve_and_reach_the_nodes(lab: Lab) -> None:
    seen = controller(
        """
        import json, socket, subprocess, sys, threading
        from sage_lab import Lab
        lab = Lab.attach(sys.argv[1])
        lab.enter()
        lab.enter()
        greetings = []
        def greet():
            with socket.create_connection(("worker-1", 22), timeout=5) as connection:
                greetings.append(connection.recv(8).decode())
        thread = threading.Thread(target=greet)
        thread.start()
        thread.join()
        child = subprocess.run(["getent", "hosts", "worker-1"], capture_output=True, text=True).stdout
        print(json.dumps([socket.gethostbyname("worker-1-control"), greetings, child.split()]))
        """,
        lab.name,
    )
    assert seen == ["198.18.0.11", ["SSH-2.0-"], ["198.18.1.11", "worker-1"]]


def test_this_process_stays_where_it_is(lab: Lab) -> None:
    assert f"/{lab.name}/" not in Path("/etc/hosts").resolve().as_posix()
    assert not Path("/proc/thread-self/ns/net").samefile(f"/run/netns/{lab.name}")


def test_the_lab_s_work_goes_on_from_inside(name: str) -> None:
    seen = controller(
        """
        import json, sys
        from pathlib import Path
        from sage_lab import Lab, Topology
        def up():
            lab = Lab.up(Topology.of(workers=1), name=sys.argv[1])
            lab.enter()
            return lab
        lab = up()
        lab.run("head", ["touch", "/tmp/old"])
        lab.node("worker-1").power_off()
        lab.node("worker-1").power_on()
        lab.down()
        lab = up()
        fresh = lab.run("head", ["test", "-e", "/tmp/old"]).returncode != 0
        healthy = all(node.ssh and node.disk_size for node in lab.status())
        print(json.dumps([fresh, healthy]))
        """,
        name,
    )
    assert seen == [True, True]
    # What was built from inside belongs to the machine, not to the process that built it and is gone.
    assert all(node.state == "running" and node.ssh for node in Lab.attach(name).status())


def test_exec_sets_the_scene_and_passes_the_status_on(lab: Lab) -> None:
    script = 'getent hosts head; echo "$SAGE_LAB $SAGE_CONFIG"; command -v sage-lab; exit 5'
    ended = subprocess.run(
        [SAGE_LAB, "exec", "--name", lab.name, "--", "sh", "-c", script],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert ended.returncode == 5, ended.stderr
    assert ended.stdout.split() == ["198.18.1.10", "head", lab.name, str(lab.config_path), str(SAGE_LAB)]


def test_commands_inside_exec_work_on_the_machine(name: str) -> None:
    script = """
        sage-lab down && sage-lab up --workers 1 && sage-lab exec -- getent hosts worker-1 &&
        sage-lab exec -- sage-lab ssh worker-1 hostname
    """
    Lab.up(Topology.of(workers=0), name=name)
    ended = subprocess.run(
        [SAGE_LAB, "exec", "--name", name, "--", "sh", "-c", script],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.split()[-3:] == ["198.18.1.11", "worker-1", "worker-1"]
    mounted = Path("/proc/self/mountinfo").read_text()
    assert f"/{name}/bundles/worker-1/rootfs" in mounted


@pytest.mark.parametrize(
    ("command", "said", "status"),
    [(["hostname"], "worker-1\n", 0), (["printf", "%s.", "a b", "c"], "a b.c.", 0), (["exit 7"], "", 7)],
)
def test_ssh_runs_a_line_or_a_command_with_arguments(lab: Lab, command: list[str], said: str, status: int) -> None:
    ended = subprocess.run(
        [SAGE_LAB, "ssh", "--name", lab.name, "worker-1", *command],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert (ended.stdout, ended.returncode) == (said, status), ended.stderr


def test_status_as_json_has_every_node(lab: Lab) -> None:
    ended = subprocess.run(
        [SAGE_LAB, "status", "--json", "--name", lab.name], capture_output=True, text=True, check=True
    )
    content = json.loads(ended.stdout)
    assert [node["name"] for node in content["nodes"]] == [node.name for node in lab.nodes]
    assert content["config"] == str(lab.config_path)
