"""What every provider's machines promise: each does what it can do, and what it cannot raises one error with a reason.

Containers and machines that exist already are real ones, Compose is where there is an engine, and the virtual machines'
libvirt and SSH are played.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from operator import methodcaller
from pathlib import Path
from typing import Any

import pytest

from sage_lab import Capability, Completed, Lab, LabError, Machine, NodeStateError, Topology, UnsupportedError
from sage_lab.machine import commands
from sage_lab.providers import Provider, sshd
from sage_lab.providers.compose.engine import Engine
from sage_lab.providers.registry import PROVIDERS, Choice
from sage_lab.providers.ssh_access import SshAccess
from sage_lab.topology import GIB, MIB
from tests.support import static_machines

SMALL = Topology(workers=1, memory=GIB, disk=128 * MIB, shared_memory=64 * MIB)
NODE = "worker-1"
VIRSH = """#!{python}
import json, pathlib, sys
file = pathlib.Path({file!r})
kept = json.loads(file.read_text()) if file.exists() else {{}}
verb, domain = sys.argv[3:5]
node = kept.setdefault(domain, {{"state": "running", "link": "up"}})
becomes = {{"destroy": "shut off", "start": "running", "suspend": "paused", "resume": "running"}}
node["state"] = becomes.get(verb, node["state"])
if verb == "domif-setlink":
    node["link"] = sys.argv[6]
print({{"domstate": node["state"], "domif-getlink": "link " + node["link"]}}.get(verb, ""))
file.write_text(json.dumps(kept))
"""


@dataclass(frozen=True)
class Subject:
    """A lab, and where its machines can be reached: in the lab below, when there is one."""

    lab: Lab
    below: Lab | None = None

    def do(self, work: Callable[[Machine], object]) -> object:
        """Work with one machine."""
        machine = self.lab.node(NODE)
        return self.below.inside(lambda: work(machine)) if self.below else work(machine)


def existing(tmp: Path) -> Iterator[Subject]:
    below = Lab.up(SMALL, name=f"t-below-{os.getpid()}")
    try:
        static_machines.allow_sudo(below)
        listed = [{**static_machines.machine(node), "host": node.cluster_address} for node in below.nodes]
        inventory = static_machines.inventory(below, tmp / "machines.yaml", machines=listed)
        name = f"t-static-{os.getpid()}"
        lab = below.inside(lambda: Lab.up(SMALL, name=name, provider="static", inventory=inventory))
        try:
            yield Subject(lab, below)
        finally:
            lab.down()
    finally:
        below.down()


def compose(_: Path) -> Iterator[Subject]:
    name = f"t-contract-{os.getpid()}"
    try:
        Engine.of_environment(name)
    except LabError as error:
        pytest.skip(f"no engine for a Compose lab: {error.what}")
    lab = Lab.up(SMALL, name=name, provider="compose")
    try:
        yield Subject(lab)
    finally:
        lab.down()


def container(_: Path) -> Iterator[Subject]:
    lab = Lab.up(SMALL, name=f"t-contract-{os.getpid()}")
    try:
        yield Subject(lab)
    finally:
        lab.down()


def vagrant(tmp: Path) -> Iterator[Subject]:
    """Its virsh keeps the states that it is told, and the SSH of a machine is this machine's shell."""
    (tmp / "virsh").write_text(VIRSH.format(python=sys.executable, file=str(tmp / "states.json")))
    (tmp / "virsh").chmod(0o755)
    made = {"driver": "kvm", "control": "198.18.8", "cluster": "198.18.9", "addresses": {}, "login": {}}
    made["login"] = {"user": "vagrant", "key": "/no/key"}
    (tmp / "nodes.json").write_text(json.dumps(made))

    def run(
        _: SshAccess, argv: Sequence[str], *, root: bool = False, timeout: float = 0, stdin: str | None = None
    ) -> Completed:
        done = subprocess.run(argv, input=stdin or "", capture_output=True, text=True, check=False, timeout=timeout)
        return Completed(tuple(argv), done.returncode, done.stdout, done.stderr)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(commands, "PATH", f"{tmp}:{commands.PATH}")
        patch.setattr(sshd, "greeting", lambda *_, **__: "SSH-2.0-played")
        patch.setattr(SshAccess, "run", run)
        yield Subject(Lab("t-vm", tmp, Choice.of(SMALL, "vagrant")))


MAKERS = {"container": container, "vagrant": vagrant, "compose": compose, "static": existing}
REAL = pytest.mark.lab


@pytest.fixture(
    scope="module", params=[pytest.param(name, marks=() if name == "vagrant" else REAL) for name in PROVIDERS]
)
def subject(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Subject]:
    yield from MAKERS[request.param](tmp_path_factory.mktemp(request.param))


OPERATIONS: dict[Capability, dict[str, dict[str, Any]]] = {
    Capability.POWER: {"power_off": {}, "power_on": {}},
    Capability.FREEZE: {"freeze": {}, "thaw": {}},
    Capability.UNPLUG: {"unplug": {}, "plug": {}},
    Capability.PROCESS_LIMIT: {"limit_processes": {"most": None}},
    Capability.WRITE_PROTECTION: {"write_protect": {"directory": "/mnt", "protect": False}},
    Capability.RESET: {"reset": {}},
    Capability.OWN_KERNEL: {"console": {}},
    Capability.OWN_DISK: {"slow_disk": {"most": None}},
}
"""What a machine does by itself, with arguments that do no harm."""


def test_a_machine_is_one_of_the_topology_and_runs_commands(subject: Subject) -> None:
    machine = subject.lab.node(NODE)
    assert [(node.name, node.role) for node in subject.lab.nodes] == [("head", "head"), (NODE, "worker")]
    assert machine == next(node for node in subject.lab.nodes if node.name == NODE)
    assert machine.python.endswith("python")
    done = subject.do(lambda node: node.run(["sh", "-c", "cat; echo no >&2; exit 3"], stdin="a'b\n"))
    assert isinstance(done, Completed)
    assert (done.returncode, done.stdout, done.stderr) == (3, "a'b\n", "no\n")
    with pytest.raises(LabError, match="no user 'nobody' on the nodes"):
        subject.do(lambda node: node.run(["true"], user="nobody"))


def health(subject: Subject) -> tuple[str, bool]:
    seen = subject.do(lambda node: (node.health().state, node.health().plugged))
    assert isinstance(seen, tuple)
    return seen


def test_a_healthy_machine_runs_and_is_plugged(subject: Subject) -> None:
    assert health(subject) == ("running", True)


@pytest.mark.parametrize(
    ("capability", "state"), [(Capability.POWER, "stopped"), (Capability.FREEZE, "paused")], ids=str
)
def test_a_machine_without_power_or_frozen_does_nothing_until_it_goes_on(
    subject: Subject, capability: Capability, state: str
) -> None:
    if reason := subject.lab.unsupported_reason(capability):
        pytest.skip(reason)
    end, go_on = (methodcaller(name) for name in OPERATIONS[capability])
    subject.do(end)
    try:
        subject.do(end)  # already is no error
        assert health(subject) == (state, True)
        with pytest.raises(NodeStateError, match=f"the node is {state}"):
            subject.do(lambda node: node.run(["true"]))
    finally:
        subject.do(go_on)
    subject.do(go_on)
    assert health(subject) == ("running", True)


def test_an_unplugged_machine_stays_so_over_a_power_cut(subject: Subject) -> None:
    if reason := subject.lab.unsupported_reason(Capability.UNPLUG):
        pytest.skip(reason)
    subject.do(lambda node: node.unplug())
    try:
        assert health(subject) == ("running", False)
        subject.do(lambda node: node.power_off())
        subject.do(lambda node: node.power_on())
        assert health(subject) == ("running", False)
    finally:
        subject.do(lambda node: node.plug())
    assert health(subject) == ("running", True)


TAKEN = {
    Capability.PROCESS_LIMIT: (methodcaller("limit_processes", 1), methodcaller("limit_processes", None)),
    Capability.WRITE_PROTECTION: (
        methodcaller("write_protect", "/mnt", protect=True),
        methodcaller("write_protect", "/mnt", protect=False),
    ),
}


@pytest.mark.parametrize("capability", TAKEN, ids=str)
def test_what_is_taken_from_a_machine_is_given_back(subject: Subject, capability: Capability) -> None:
    if reason := subject.lab.unsupported_reason(capability):
        pytest.skip(reason)
    if subject.lab.provider == "vagrant":
        pytest.skip("its shell is this machine's")
    take, give = TAKEN[capability]

    def works() -> bool:
        done = subject.do(methodcaller("run", ["sh", "-c", "true & wait && touch /mnt/probe && rm /mnt/probe"]))
        assert isinstance(done, Completed)
        return done.returncode == 0

    assert works()
    subject.do(take)
    try:
        subject.do(take)  # already is no error
        assert not works()
    finally:
        subject.do(give)
    assert works()


@pytest.mark.parametrize("capability", OPERATIONS, ids=str)
def test_what_a_machine_cannot_do_raises_one_error_with_the_reason_and_all_else_is_made(
    subject: Subject, capability: Capability
) -> None:
    reason, made = subject.lab.unsupported_reason(capability), type(subject.lab.node(NODE))
    for name, arguments in OPERATIONS[capability].items():
        assert (getattr(made, name) is getattr(Machine, name)) == bool(reason), "that of Machine only raises"
        if reason:
            with pytest.raises(UnsupportedError) as raised:
                subject.do(methodcaller(name, **arguments))
            assert (raised.value.where, reason in raised.value.what) == (NODE, True)
            assert "sage-lab faults matrix" in raised.value.fix


def test_a_lab_that_cannot_be_kept_as_it_is_says_why(subject: Subject) -> None:
    reason, made = subject.lab.unsupported_reason(Capability.SNAPSHOT), PROVIDERS[subject.lab.provider]
    for name, work in (("save", subject.lab.save), ("rollback", subject.lab.rollback)):
        assert (getattr(made, name) is getattr(Provider, name)) == bool(reason)
        if reason:
            with pytest.raises(UnsupportedError, match=re.escape(reason)):
                work("x")
