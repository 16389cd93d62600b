"""Every fault that a container lab can have: injected, seen, healed, and gone without a trace."""

import json
from collections.abc import Iterator

import pytest

from sage_lab import Lab
from sage_lab.faults import (
    FaultKind,
    FaultNotEffectiveError,
    FaultUnsupportedError,
    Kind,
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
OPTIONS: dict[FaultKind, dict[str, object]] = {
    FaultKind.MEMORY_HOG: {"percent": 40},
    FaultKind.SLOW_LOGIN: {"seconds": 1},
    FaultKind.CPU_HOG: {"processes": 1},
}
SEEN: dict[str, Residue] = {}
# These start the node's own processes anew.
RESTART = {FaultKind.POWER_CUT, FaultKind.REBOOT}
RESTARTED = (f"{NODE}: process left: /usr/bin/tini", f"{NODE}: process left: sleep infinity")
NEED_RAY = {kind.kind for kind in catalogue() if kind.family == "process"} | {FaultKind.FILE_DESCRIPTORS_EXHAUSTED}

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


@pytest.fixture
def before(lab: Lab) -> Residue:
    """How the lab was; looked at anew only after its node has booted, since its processes are others then."""
    boot = lab.run(NODE, ["cat", "/proc/1/stat"]).stdout.rpartition(")")[2].split()[19]
    if boot not in SEEN:
        SEEN[boot] = snapshot(lab)
    return SEEN[boot]


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
    plan = kind.means.prepare(lab, NODE, NOBODY, (NODE,), complete(kind, OPTIONS.get(kind.kind, {})))
    return kind.means.effective(lab, NODE, NOBODY, plan)


@pytest.mark.parametrize("kind", catalogue(), ids=lambda entry: entry.name)
def test_a_healthy_node_shows_no_effect(lab: Lab, kind: Kind, request: pytest.FixtureRequest) -> None:
    if reason := kind.supported(lab):
        pytest.skip(reason)
    if kind.kind in NEED_RAY:
        request.getfixturevalue("fakes")
    assert seen_without(lab, kind), "the probe would call this fault effective though it was never injected"


@pytest.mark.usefixtures("packet_filter")
def test_a_silent_cut_is_not_taken_for_a_rejecting_one(lab: Lab) -> None:
    with inject(lab, FaultKind.ISOLATED, NODE):
        assert seen_without(lab, kind_of(FaultKind.REJECTING)) == "a knock at the node was not answered for 1 s"


@pytest.mark.usefixtures("packet_filter")
def test_a_link_that_loses_everything_is_lossy(lab: Lab) -> None:
    with inject(lab, FaultKind.LOSSY, NODE, percent=100):
        assert seen_without(lab, kind_of(FaultKind.ISOLATED)) == ""


@pytest.mark.parametrize("kind", catalogue(), ids=lambda entry: entry.name)
def test_a_fault_takes_effect_and_heals_without_residue(
    lab: Lab, before: Residue, kind: Kind, request: pytest.FixtureRequest
) -> None:
    if reason := kind.supported(lab):
        with pytest.raises(FaultUnsupportedError, match="not possible here"):
            inject(lab, kind.kind, NODE)
        pytest.skip(reason)
    if kind.kind in NEED_RAY:
        request.getfixturevalue("fakes")
    with inject(lab, kind.kind, NODE, **OPTIONS.get(kind.kind, {})) as fault:
        assert [one.id for one in active(lab)] == [fault.id]
        during = snapshot(lab) if kind.kind == FaultKind.ISOLATED else None
    assert active(lab) == []
    assert fault.heal() == 0.0
    left = compare(before, snapshot(lab))
    if kind.kind in RESTART:
        left = [line for line in left if not str(line).startswith(RESTARTED)]
    assert left == []
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
        assert set(fault.acted) == {"head", "worker-1", "worker-2"}
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
