"""The Compose lab without an engine: its files, its refusals, and what a sweep asks to remove."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest
import yaml

from sage_lab import Lab, LabError, NodeStateError, SweepError, Topology
from sage_lab.errors import HostCommandError, MissingProgramError
from sage_lab.machine import cgroups
from sage_lab.model import nodes_of
from sage_lab.providers.compose import engine, project
from sage_lab.providers.compose.engine import Engine
from sage_lab.providers.container import base_layer
from sage_lab.providers.registry import Choice
from tests.support.replayed import replay

HERE = "unix:///run/docker.sock"
WELL = json.dumps({"KernelVersion": os.uname().release})
TOPOLOGY = Topology.of(workers=1, spares=("new-worker",))


def test_each_node_extends_the_one_of_the_project_s_file_with_its_own_addresses_and_disk(tmp_path: Path) -> None:
    nodes = nodes_of(TOPOLOGY)
    content = yaml.safe_load(project.services(nodes, tmp_path, "t-lab", [Path("/usr")]))
    assert list(content["services"]) == ["head", "worker-1", "new-worker"]
    worker = content["services"]["worker-1"]
    template = yaml.safe_load(Path(worker["extends"]["file"]).read_text())["services"][worker["extends"]["service"]]
    assert template["read_only"] is True
    assert template["scale"] == 0
    assert {name: one["ipv4_address"] for name, one in worker["networks"].items()} == {
        "control": nodes[1].control_address,
        "cluster": nodes[1].cluster_address,
    }
    writable = [one for one in worker["volumes"] if not one.get("read_only")]
    assert [one["target"] for one in writable] == [f"/{part}" for part in project.WRITABLE]
    for one in writable:
        where = content["volumes"][one["source"]]["driver_opts"]["device"]
        assert where.startswith(str(project.disk(tmp_path, nodes[1])))


def test_every_variable_of_the_project_s_file_is_given_and_no_network_has_a_way_out() -> None:
    text = project.PROJECT_FILE.read_text()
    given = project.settings(TOPOLOGY, "image", "198.18.8", "198.18.9").splitlines()
    assert set(re.findall(r"\$\{(SAGE_\w+)", text)) == {line.partition("=")[0] for line in given}
    assert f"SAGE_MEMORY={TOPOLOGY.memory + TOPOLOGY.disk}" in given
    networks = yaml.safe_load(text)["networks"]
    assert [(name, one["internal"]) for name, one in networks.items()] == [("control", True), ("cluster", True)]


@pytest.mark.parametrize(
    ("address", "info", "why"),
    [
        (HERE, {"status": 1, "complains": "Cannot connect"}, "no container engine answers: Cannot connect"),
        (HERE, {"says": '{"ServerErrors": ["refused"]}'}, "no container engine answers: refused"),
        (HERE, {"says": '{"KernelVersion": "6.6.0-linuxkit"}'}, "its kernel is 6.6.0-linuxkit"),
        ("tcp://elsewhere:2375", {"says": WELL}, "runs on another machine"),
    ],
)
def test_an_engine_that_is_not_fit_is_refused(programs: Path, address: str, info: dict[str, object], why: str) -> None:
    replay(programs, "docker", [{"words": ["--host", address, "info"], **info}])
    with pytest.raises(LabError, match=why):
        Engine(address, "t-lab").check()


def test_compose_has_to_be_there(programs: Path) -> None:
    replay(programs, "docker", [{"words": ["--host", HERE, "info"], "says": WELL}, {"words": ["compose"], "status": 1}])
    with pytest.raises(MissingProgramError, match="no plug-in compose"):
        Engine(HERE, "t-lab").check()


def test_a_sweep_asks_the_engine_of_the_lab_for_what_has_its_label_and_removes_that(programs: Path) -> None:
    asked = ["--host", HERE]
    docker = replay(
        programs,
        "docker",
        [
            {"words": [*asked, "container", "ls"], "says": "c1\nc2\n"},
            {"words": [*asked, "image", "ls"], "says": "i1\n"},
            {"words": asked},
        ],
    )
    assert engine.sweep(f"{HERE} t-lab")
    lists = [line for line in docker.words if " ls " in line]
    containers, *others, images = ("label=com.docker.compose.project=t-lab" in line for line in lists)
    assert (containers, set(others), images) == (True, {True}, False)
    assert "reference=sage-lab/t-lab" in lists[-1]
    assert [line.removeprefix(f"--host {HERE} ") for line in docker.words if " rm " in line] == [
        "container rm --force c1 c2",
        "image rm --force i1",
    ]


def test_a_sweep_without_its_engine_says_so_and_keeps_the_lab(programs: Path) -> None:
    replay(programs, "docker", [{"words": [], "status": 1, "complains": "Cannot connect"}])
    with pytest.raises(SweepError, match="Cannot connect"):
        engine.sweep(f"{HERE} t-lab")


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_the_image_has_places_for_the_programs_and_nothing_private(tmp_path: Path) -> None:
    shared = tmp_path / "private" / "environment"
    root = tmp_path / "image"
    root.mkdir()
    base_layer.prepare_image(root, [shared])
    assert (root / shared.relative_to("/")).parent.is_dir()
    assert all((root / path.relative_to("/")).is_dir() for path in base_layer.programs())
    assert not any((root / "root").iterdir())
    assert not any((root / "usr").iterdir())
    assert (root / "etc" / "passwd").is_file()
    strange = {entry.name for entry in root.iterdir() if not base_layer.shows_through(entry.name)}
    assert strange == set(base_layer.EMPTY)


def test_a_process_tells_its_memory_group() -> None:
    assert cgroups.group_of(2**22 + 1) == ""
    lines = Path("/proc/self/cgroup").read_text().splitlines()
    assert any(line.endswith(f"/{cgroups.group_of(os.getpid())}") for line in lines)


GONE = {"status": 1, "complains": "Error response from daemon: No such container: t-lab.head"}


@pytest.mark.parametrize(
    ("inspect", "seen"),
    [
        ({"says": "running 4242\n"}, ("running", 4242)),
        ({"says": "paused 4242\n"}, ("paused", 4242)),
        ({"says": "exited 0\n"}, ("stopped", 0)),
        (GONE, ("stopped", 0)),
    ],
)
def test_the_state_of_a_container_and_its_first_process_are_the_engine_s(
    programs: Path, inspect: dict[str, object], seen: tuple[str, int]
) -> None:
    docker = replay(programs, "docker", [{"words": ["--host", HERE, "container", "inspect"], **inspect}])
    assert Engine(HERE, "t-lab").look("head") == seen
    assert docker.words[0].endswith("{{.State.Status}} {{.State.Pid}} t-lab.head")


def test_an_engine_that_does_not_answer_is_no_stopped_container(programs: Path) -> None:
    replay(programs, "docker", [{"words": [], "status": 1, "complains": "Cannot connect"}])
    with pytest.raises(HostCommandError, match="Cannot connect"):
        Engine(HERE, "t-lab").look("head")


def made(directory: Path) -> Lab:
    """A lab as it is known by its files after it was built."""
    kept = {"engine": HERE, "control": "198.18.8", "cluster": "198.18.9"}
    (directory / "nodes.json").write_text(json.dumps(kept))
    return Lab("t-lab", directory, Choice.of(TOPOLOGY, "compose"))


def test_a_machine_is_worked_with_by_its_container(programs: Path, tmp_path: Path) -> None:
    session = [
        {"words": ["--host", HERE, "container", "inspect"], "says": "running 4194305\n"},
        {"words": ["--host", HERE, "exec"], "says": "sage\n", "status": 3},
        *({"words": ["--host", HERE, words]} for words in ("pause", "update")),
    ]
    docker = replay(programs, "docker", session)
    head = made(tmp_path).node("head")
    assert (head.control_address, head.cluster_address) == ("198.18.8.10", "198.18.9.10")
    done = head.run(["id", "-un"], user="sage", timeout=5)
    assert (done.argv, done.returncode, done.stdout) == (("id", "-un"), 3, "sage\n")
    head.freeze()
    head.thaw()
    head.limit_processes(None)
    asked = [line.removeprefix(f"--host {HERE} ") for line in docker.words if "inspect" not in line]
    assert asked == [
        "exec --workdir /home/sage --user 2000:2000 --env HOME=/home/sage --env USER=sage --env LOGNAME=sage "
        "t-lab.head timeout --signal=KILL 5.000 id -un",
        "pause t-lab.head",
        f"update --pids-limit {TOPOLOGY.processes} t-lab.head",
    ]


def test_a_pulled_cable_is_kept_while_the_machine_is_off(programs: Path, tmp_path: Path) -> None:
    docker = replay(programs, "docker", [{"words": ["--host", HERE, "container", "inspect"], "says": "exited 0\n"}])
    lab = made(tmp_path)
    (tmp_path / "layers" / "head").mkdir(parents=True)
    head = lab.node("head")
    head.power_off()  # off already: nothing to kill
    head.unplug()
    assert (head.health().state, head.health().plugged) == ("stopped", False)
    head.plug()
    assert head.health().plugged
    with pytest.raises(NodeStateError, match="cannot freeze it: the node is stopped, not running"):
        head.freeze()
    assert all("inspect" in line for line in docker.words)
