"""What every kind of fault promises, for all of the catalogue: a new kind is covered by its row.

A lab that cannot have it says why. Else it changes nothing before it is injected, is seen, heals, and leaves no trace.
"""

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from sage_lab import Lab, UnsupportedError
from sage_lab.faults import (
    Family,
    FaultKind,
    FaultNotEffectiveError,
    FaultUnsupportedError,
    Kind,
    Leak,
    Residue,
    active,
    catalogue,
    compare,
    events,
    inject,
    kind_of,
    snapshot,
)
from sage_lab.faults.options import complete

pytestmark = pytest.mark.lab

NODE = "worker-1"
NOBODY = "00000000"  # the id of a fault that is not injected
OPTIONS: dict[str, dict[str, object]] = {
    FaultKind.MEMORY_HOG: {"percent": 40},
    FaultKind.SLOW_LOGIN: {"seconds": 1},
    FaultKind.CPU_HOG: {"processes": 1},
}
"""Only what keeps a test short, or this machine whole; any other kind has its own defaults."""
SEEN: dict[str, Residue] = {}
# A boot starts the node's own processes anew.
RESTARTED = (f"{NODE}: process left: /usr/bin/tini", f"{NODE}: process left: sleep infinity")

# Plain processes with the names of Ray's, which greet at a port as Ray's do; a fault knows them by name and owner.
FAKE = """
import socket, sys, time
server = socket.create_server(("127.0.0.1", 0))
print("listening", flush=True)
while True:
    try:
        connection = server.accept()[0]
    except OSError:
        time.sleep(0.05)
        continue
    connection.sendall(b"hello")
    connection.close()
"""
FAKES = f"""
import json, pathlib, subprocess, sys
script = pathlib.Path.home() / "fake/ray/dashboard/dashboard.py"
script.parent.mkdir(parents=True, exist_ok=True)
script.write_text({FAKE!r})
started = []
for name in ("/fake/raylet", "/fake/gcs_server", "ray::IDLE", "python3"):
    process = subprocess.Popen(
        [name, str(script)], executable=sys.executable, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, start_new_session=True,
    )
    process.stdout.readline()
    stat = pathlib.Path(f"/proc/{{process.pid}}/stat").read_text()
    started.append([process.pid, stat.rpartition(")")[2].split()[19]])
print(json.dumps(started))
"""
END_FAKES = """
import json, os, pathlib, shutil, signal, sys
for pid, start in json.loads(sys.argv[1]):
    try:
        handle = os.pidfd_open(pid)
        if pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19] == start:
            signal.pidfd_send_signal(handle, signal.SIGKILL)
    except (ProcessLookupError, FileNotFoundError):
        pass
shutil.rmtree("/home/sage/fake")
"""


def boot(lab: Lab) -> str:
    """When the node's first process started."""
    return lab.run(NODE, ["cat", "/proc/1/stat"]).stdout.rpartition(")")[2].split()[19]


@pytest.fixture
def before(lab: Lab) -> Residue:
    """How the lab was; looked at anew only after its node has booted, since its processes are others then."""
    if boot(lab) not in SEEN:
        SEEN[boot(lab)] = snapshot(lab)
    return SEEN[boot(lab)]


@pytest.fixture
def fakes(lab: Lab) -> Iterator[None]:
    """Processes that look like Ray's on the node; those that the test spared are ended by their recorded numbers."""
    started = lab.run(NODE, ["python3", "-c", FAKES], user="sage")
    assert started.returncode == 0, started.stderr
    yield
    ended = lab.run(NODE, ["python3", "-c", END_FAKES, json.dumps(json.loads(started.stdout))])
    assert ended.returncode == 0, ended.stderr


@pytest.fixture
def packet_filter(lab: Lab) -> None:
    """Skips a test on a kernel that cannot filter packets, as that of User Mode Linux."""
    if reason := kind_of(FaultKind.ISOLATED).supported(lab):
        pytest.skip(reason)


def seen_without(lab: Lab, kind: Kind) -> str:
    """What the fault's probe sees instead of the effect when the fault was planned, and not injected."""
    plan = kind.means.prepare(lab, NODE, NOBODY, (NODE,), options_of(kind))
    return kind.means.effective(lab, NODE, NOBODY, plan)


def options_of(kind: Kind) -> dict[str, Any]:
    return complete(kind, OPTIONS.get(kind.name, {}))


def within(seconds: float, look: Callable[[], str]) -> str:
    """What is seen last when there is something to see for so long, else nothing."""
    until = time.monotonic() + seconds
    while (seen := look()) and time.monotonic() < until:
        time.sleep(0.05)
    return seen


@pytest.mark.usefixtures("fakes")
@pytest.mark.parametrize("kind", catalogue(), ids=lambda entry: entry.name)
def test_the_means_of_a_fault_keep_their_word(lab: Lab, before: Residue, kind: Kind) -> None:
    if reason := kind.supported(lab):
        pytest.skip(reason)
    means, booted = kind.means, boot(lab)
    plan = means.prepare(lab, NODE, NOBODY, (NODE,), options_of(kind))
    assert json.loads(json.dumps(plan)) == plan, "a plan is on disk before anything is done"
    assert compare(before, snapshot(lab)) == [], "to prepare changes nothing"
    assert means.effective(lab, NODE, NOBODY, plan), "it would be called effective though it was never injected"
    means.heal(lab, NODE, NOBODY, plan)
    assert within(15, lambda: means.recovered(lab, NODE, NOBODY, plan)) == "", "never done is no error for healing"
    asked = time.monotonic()
    try:
        injected_at = means.inject(lab, NODE, NOBODY, plan, 120.0)
        assert asked <= injected_at <= time.monotonic()
        assert within(15, lambda: means.effective(lab, NODE, NOBODY, plan)) == ""
    finally:
        means.heal(lab, NODE, NOBODY, plan)
    assert within(15, lambda: means.recovered(lab, NODE, NOBODY, plan)) == ""
    assert means.effective(lab, NODE, NOBODY, plan) or boot(lab) != booted or kind.family is Family.PROCESS
    means.heal(lab, NODE, NOBODY, plan)
    assert left_of(lab, before, booted) == []


def left_of(lab: Lab, before: Residue, booted: str) -> list[Leak]:
    left = compare(before, snapshot(lab))
    return [leak for leak in left if boot(lab) == booted or not str(leak).startswith(RESTARTED)]


@pytest.mark.usefixtures("packet_filter")
def test_a_silent_cut_is_not_taken_for_a_rejecting_one(lab: Lab) -> None:
    with inject(lab, FaultKind.ISOLATED, NODE):
        assert seen_without(lab, kind_of(FaultKind.REJECTING)) == "a knock at the node was not answered for 1 s"


@pytest.mark.usefixtures("packet_filter")
def test_a_link_that_loses_everything_is_lossy(lab: Lab) -> None:
    with inject(lab, FaultKind.LOSSY, NODE, percent=100):
        assert seen_without(lab, kind_of(FaultKind.ISOLATED)) == ""


@pytest.mark.usefixtures("fakes")
@pytest.mark.parametrize("kind", catalogue(), ids=lambda entry: entry.name)
def test_a_fault_takes_effect_and_heals_without_residue(lab: Lab, before: Residue, kind: Kind) -> None:
    if reason := kind.supported(lab):
        with pytest.raises(FaultUnsupportedError, match="not possible here") as raised:
            inject(lab, kind.name, NODE)
        assert isinstance(raised.value, UnsupportedError)
        pytest.skip(reason)
    booted = boot(lab)
    with inject(lab, kind.name, NODE, **OPTIONS.get(kind.name, {})) as fault:
        assert [one.id for one in active(lab)] == [fault.id]
        during = snapshot(lab) if kind.name == FaultKind.ISOLATED else None
    assert active(lab) == []
    assert fault.heal() == 0.0
    assert left_of(lab, before, booted) == []
    told = [event["event"] for event in events.read(lab.directory) if event["fault"] == fault.id]
    assert told == ["inject", "effective", "heal", "healed"]
    if during is not None:
        assert f"{NODE}: nftables table left: sage_fault_{fault.id}" in map(str, compare(before, during))


def test_a_fault_without_its_target_is_inconclusive_and_leaves_nothing(lab: Lab) -> None:
    before = snapshot(lab)
    with pytest.raises(FaultNotEffectiveError, match="no raylet process of user sage runs here"):
        inject(lab, FaultKind.RAYLET_KILLED, NODE)
    assert active(lab) == []
    assert events.read(lab.directory)[-1]["event"] == "ineffective"
    assert compare(before, snapshot(lab)) == []


@pytest.mark.usefixtures("packet_filter")
def test_a_target_that_is_gone_counts_as_healed(lab: Lab) -> None:
    fault = inject(lab, FaultKind.ISOLATED, NODE)
    lab.node(NODE).power_off()
    try:
        fault.heal(timeout=5)
    finally:
        lab.node(NODE).power_on()
    assert active(lab) == []


@pytest.mark.usefixtures("packet_filter")
def test_a_port_is_cut_on_several_nodes_at_once(lab: Lab) -> None:
    with inject(lab, FaultKind.PORT_CUT, "head", "worker-1", "worker-2") as fault:
        assert set(fault.injected_at) == {"head", "worker-1", "worker-2"}
    assert active(lab) == []


@pytest.mark.usefixtures("packet_filter")
def test_halves_leave_the_control_link_and_each_half_whole(lab: Lab) -> None:
    def connects(source: str, target: str) -> bool:
        line = f"timeout 1 bash -c 'read -r line </dev/tcp/{target}/22'"
        return lab.run(source, ["sh", "-c", line]).returncode == 0

    with inject(lab, FaultKind.HALVES, "worker-1", "worker-2"):
        assert connects("worker-1", "worker-2")
        assert not connects("head", "worker-1")
        assert not connects("worker-2", "head")
        assert connects("head", "worker-1-control")
    assert connects("head", "worker-1")
