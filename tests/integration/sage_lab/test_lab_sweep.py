"""Killed at any moment, a lab is swept without a trace, and nothing else is touched."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sage_lab import Lab, LabNameError, Topology, sweep
from sage_lab.machine import cgroups
from sage_lab.providers.container import base_layer

pytestmark = pytest.mark.lab

SAGE_LAB = str(Path(sys.prefix) / "bin" / "sage-lab")
ENTRIES = 14
"""How many a lab with one worker writes into its ledger."""
MOMENTS = [1, 2, 3, 4, 5, 6, 8, 9, 11, 13, ENTRIES, ENTRIES + 1]
"""At so many entries the controller is killed; the last is never reached, so it is the complete lab."""


@pytest.fixture
def name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A lab's name, with state in a directory of the test's own."""
    monkeypatch.setenv("SAGE_LAB_HOME", str(tmp_path / "home"))
    chosen = f"t-kill-{os.getpid()}"
    yield chosen
    sweep(chosen)


def traces(name: str) -> dict[str, list[str]]:
    """Everything on this machine that carries the lab's name."""
    home = Path(os.environ["SAGE_LAB_HOME"])
    processes = []
    for directory in Path("/proc").glob("[0-9]*"):
        try:
            state = (directory / "stat").read_text().rpartition(")")[2].split()[0]
            text = (directory / "cmdline").read_bytes() + (directory / "cgroup").read_bytes()
        except (FileNotFoundError, ProcessLookupError):
            continue
        # A zombie has ended and holds nothing; only process 1 can take it off the list, when it likes to.
        if name.encode() in text and state != "Z":
            processes.append(f"{directory.name} ({state}) {text.decode(errors='replace')}")
    table = Path("/proc/self/mountinfo").read_text().splitlines()
    return {
        "files": [str(path) for path in home.glob("*")] if home.exists() else [],
        "mounts": [line for line in table if name in line],
        "networks": [str(path) for path in Path("/run/netns").glob(f"{name}*")],
        "groups": [str(path) for tree in cgroups.trees() for path in tree.glob(f"{cgroups.ROOT}/{name}*")],
        "processes": processes,
    }


def assert_no_trace(name: str) -> None:
    assert not {kind: found for kind, found in traces(name).items() if found}


def mounts(name: str) -> int:
    return Path("/proc/self/mountinfo").read_text().count(f"/{name}/layers/")


def start(*arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([SAGE_LAB, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def kill_when(process: subprocess.Popen[bytes], moment: Callable[[], bool]) -> None:
    """SIGKILL the process as soon as the moment has come, or after it has ended by itself."""
    until = time.monotonic() + 20
    try:
        while process.poll() is None and not moment():
            assert time.monotonic() < until, "the moment to kill never came"
    finally:
        process.kill()
        process.wait()


def entries(name: str) -> int:
    try:
        return (Path(os.environ["SAGE_LAB_HOME"]) / name / "ledger.jsonl").read_bytes().count(b"\n")
    except FileNotFoundError:
        return 0


@pytest.mark.parametrize("moment", MOMENTS)
def test_up_killed_is_swept_without_a_trace(name: str, moment: int) -> None:
    others = {link.name for link in Path("/sys/class/net").iterdir()}
    kill_when(start("up", "--workers", "1", "--name", name), lambda: entries(name) >= moment)
    assert traces(name)["files"]
    ended = subprocess.run([SAGE_LAB, "sweep", "--name", name], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert_no_trace(name)
    assert {link.name for link in Path("/sys/class/net").iterdir()} == others


def test_the_next_up_takes_over_what_a_killed_one_left(name: str) -> None:
    kill_when(start("up", "--workers", "1", "--name", name), lambda: entries(name) >= 12)
    lab = Lab.up(Topology.of(workers=1), name=name)
    assert all(node.state == "running" and node.ssh for node in lab.status())
    lab.down()
    assert_no_trace(name)


def test_down_killed_is_finished_by_a_sweep(name: str) -> None:
    Lab.up(Topology.of(workers=1), name=name)
    assert entries(name) == ENTRIES, "MOMENTS is to be chosen anew"
    all_of_them = mounts(name)
    assert all_of_them
    kill_when(start("down", "--name", name), lambda: mounts(name) < all_of_them)
    sweep(name)
    assert_no_trace(name)


def test_a_sweep_of_nothing_removes_nothing(name: str) -> None:
    assert sweep(name) == []
    assert_no_trace(name)


def test_sweeping_one_lab_leaves_another(name: str) -> None:
    other = f"{name}-2"
    try:
        neighbour = Lab.up(Topology.of(workers=0), name=other)
        Lab.up(Topology.of(workers=0), name=name)
        assert sweep(name)
        assert all(node.state == "running" and node.ssh for node in neighbour.status())
    finally:
        sweep(other)
    assert_no_trace(name)


def test_sweep_all_takes_unfinished_labs_and_leaves_those_that_are_up(name: str) -> None:
    other = f"{name}-2"
    try:
        neighbour = Lab.up(Topology.of(workers=0), name=other)
        kill_when(start("up", "--workers", "1", "--name", name), lambda: entries(name) >= 8)
        ended = subprocess.run([SAGE_LAB, "sweep", "--all", "--json"], capture_output=True, text=True, check=True)
        assert list(json.loads(ended.stdout)["removed"]) == [name]
        assert all(node.state == "running" and node.ssh for node in neighbour.status())
    finally:
        sweep(other)
    assert_no_trace(name)


def test_a_failed_up_cleans_up_and_tells_its_reason(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "steps").mkdir()
    (tmp_path / "steps" / "10-fail.sh").write_text("echo 'no such luck' >&2; exit 1\n")
    monkeypatch.setattr(base_layer, "PROVISION", tmp_path / "steps")
    with pytest.raises(Exception, match=r"no such luck\s+10-fail.sh failed"):
        Lab.up(Topology.of(workers=0), name=name)
    assert_no_trace(name)


def test_a_name_that_another_directory_s_lab_has_is_refused_and_that_lab_stays(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = Lab.up(Topology.of(workers=0), name=name)
    with monkeypatch.context() as patch:
        patch.setenv("SAGE_LAB_HOME", str(tmp_path / "elsewhere"))
        with pytest.raises(LabNameError, match="another lab has this name"):
            Lab.up(Topology.of(workers=0), name=name)
        assert not (tmp_path / "elsewhere").exists()
    assert all(node.state == "running" and node.ssh for node in lab.status())
