"""Every fault that a container lab can have: injected, seen, healed, and gone without a trace."""

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
    snapshot,
)

pytestmark = pytest.mark.lab

NODE = "worker-1"
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
# Plain processes with the names of Ray's; a fault knows them by name and owner.
FAKES = """
mkdir -p ~/fake/ray/dashboard
echo 'import time; time.sleep(600)' >~/fake/ray/dashboard/dashboard.py
for name in /fake/raylet /fake/gcs_server ray::IDLE; do
    setsid bash -c "exec -a $name sleep 600" >/dev/null 2>&1 &
done
setsid python3 ~/fake/ray/dashboard/dashboard.py >/dev/null 2>&1 &
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
    """Processes that look like Ray's on the node; those that the test spared are ended by their numbers."""
    assert lab.run(NODE, ["bash", "-c", FAKES], user="sage").returncode == 0
    yield
    numbers = lab.run(NODE, ["sh", "-c", "ps -u sage -o pid= | xargs -r kill -9; rm -rf /home/sage/fake"])
    assert numbers.returncode == 0, numbers.stderr


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
        left = [line for line in left if not line.startswith(RESTARTED)]
    assert left == []
    told = [event["event"] for event in events.read(lab.directory) if event["fault"] == fault.id]
    assert told == ["inject", "effective", "heal", "healed"]
    if during is not None:
        assert f"{NODE}: nftables table left: sage_fault_{fault.id}" in compare(before, during)


def test_a_fault_without_its_target_is_inconclusive_and_leaves_nothing(lab: Lab) -> None:
    before = snapshot(lab)
    with pytest.raises(FaultNotEffectiveError, match="no raylet process of user sage runs here"):
        inject(lab, FaultKind.RAYLET_KILLED, NODE)
    assert active(lab) == []
    assert events.read(lab.directory)[-1]["event"] == "ineffective"
    assert compare(before, snapshot(lab)) == []


def test_a_target_that_is_gone_counts_as_healed(lab: Lab) -> None:
    fault = inject(lab, FaultKind.ISOLATED, NODE)
    lab.power_off(NODE)
    try:
        fault.heal(timeout=5)
    finally:
        lab.power_on(NODE)
    assert active(lab) == []


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
