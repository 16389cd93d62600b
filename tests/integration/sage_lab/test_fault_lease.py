"""A fault ends by itself when its injector was killed, and a sweep ends it with the lab."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sage_lab import Lab, NodeStateError, Topology, sweep
from sage_lab.faults import FaultKind, active, compare, events, heal_all, inject, snapshot
from sage_lab.ledger import Ledger
from sage_lab.topology import GIB, MIB
from tests.support.waiting import wait_for

pytestmark = pytest.mark.lab

NODE = "worker-2"
INJECTOR = """
import sys, time
from sage_lab import Lab
from sage_lab.faults import inject
inject(Lab.attach(sys.argv[1]), sys.argv[2], sys.argv[3], lease=3.0)
print("injected", flush=True)
time.sleep(60)
"""


def inject_and_be_killed(lab: Lab, kind: FaultKind) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", INJECTOR, lab.name, kind, NODE],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "SAGE_LAB_HOME": str(lab.directory.parent)},
    )
    with process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "injected\n"
        finally:
            process.kill()


def test_a_lease_on_the_node_heals_after_the_injector_was_killed(lab: Lab) -> None:
    before = snapshot(lab)
    inject_and_be_killed(lab, FaultKind.ISOLATED)
    tables = ["nft", "list", "tables"]
    assert "sage_fault" in lab.run(NODE, tables).stdout
    wait_for(lambda: "sage_fault" in lab.run(NODE, tables).stdout, False, 15)
    assert [fault.kind for fault in heal_all(lab)] == [FaultKind.ISOLATED]
    assert compare(before, snapshot(lab)) == []


def test_a_lease_of_the_lab_heals_after_the_injector_was_killed(lab: Lab) -> None:
    inject_and_be_killed(lab, FaultKind.FROZEN)
    with pytest.raises(NodeStateError):
        lab.run(NODE, ["true"])
    wait_for(lambda: active(lab), [], 15)
    assert lab.run(NODE, ["true"]).returncode == 0
    assert events.read(lab.directory)[-1]["event"] == "healed"


def test_a_sweep_ends_faults_of_both_kinds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAGE_LAB_HOME", str(tmp_path / "home"))
    name = f"t-fault-{os.getpid()}"
    try:
        lab = Lab.up(Topology(workers=1, memory=GIB, disk=128 * MIB, shared_memory=64 * MIB), name=name)
        inject(lab, FaultKind.ISOLATED, "head")
        inject(lab, FaultKind.FROZEN, "worker-1")
        watchers = [entry.split()[1:] for entry in ledger(lab) if entry.startswith("fault-watcher ")]
        assert len(watchers) == 1
        assert Path(f"/proc/{watchers[0][0]}").exists()
    finally:
        removed = sweep(name)
    assert sum(line.startswith("fault ") for line in removed) == 2
    wait_for(Path(f"/proc/{watchers[0][0]}").exists, False, 15)
    assert not (tmp_path / "home").exists()


def ledger(lab: Lab) -> list[str]:
    return [str(entry) for entry in Ledger(lab.directory).entries()]
