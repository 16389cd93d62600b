"""The doctor's verdicts; the commands that no test machine can be made to fail are answered here."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from sage_lab.doctor import container, vm
from sage_lab.doctor.finding import Finding
from sage_lab.errors import CommandTimeoutError
from sage_lab.model import Completed
from sage_lab.providers.vagrant import acceleration
from sage_lab.topology import GIB, Topology


def answers(text: str, returncode: int = 0) -> acceleration.Run:
    def run(argv: Sequence[str], timeout: float) -> Completed:
        return Completed(tuple(argv), returncode, text, "")

    return run


def hangs(argv: Sequence[str], timeout: float) -> Completed:
    raise CommandTimeoutError(f"did not end within {timeout:g} s")


def test_only_the_container_lab_s_checks_count() -> None:
    good = Finding("container lab", "root", True, "user 0")
    assert container.fit([good, Finding("VM lab", "vagrant", False, "not there", "install it")])
    assert not container.fit([good, Finding("container lab", "runc", False, "not there", "install it")])


def test_every_failure_has_a_fix_and_no_success_has_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(acceleration, "KVM", tmp_path / "no-kvm")  # a unit test boots no guest
    for finding in container.examine(Topology.of(2)) + vm.examine(workers=2):
        assert bool(finding.fix) is not finding.good, finding
        assert finding.found


def test_memory_for_too_many_workers_is_refused_with_the_number_that_fits() -> None:
    finding = container._memory(Topology.of(9, ["spare"]), available=2 * GIB)
    assert not finding.good
    assert "at most 3" in finding.fix
    assert container._memory(Topology.of(3), available=2 * GIB).good
    assert not container._memory(Topology.of(3, ["spare"]), available=2 * GIB).good


def test_a_missing_program_is_told_with_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sage_lab.machine.commands.PATH", "/nonexistent")
    finding = container._program("runc", "runc")
    assert not finding.good
    assert finding.fix == "apt-get install runc"


def test_leftovers_are_named_with_their_sweep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAGE_LAB_HOME", str(tmp_path))
    assert container._leftovers().good
    (tmp_path / "t-half").mkdir()
    assert container._leftovers().fix == "sage-lab sweep --name t-half"


@pytest.mark.parametrize(
    ("text", "good"), [("vagrant-libvirt (0.12.2, global)", True), ("No plugins installed.", False)]
)
def test_the_plugin_is_seen_in_vagrant_s_list(text: str, good: bool) -> None:
    assert vm.libvirt_plugin(answers(text)).good is good


@pytest.fixture
def with_kvm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    device = tmp_path / "kvm"
    device.touch()
    program = tmp_path / acceleration.QEMU
    program.touch(mode=0o755)
    monkeypatch.setattr(acceleration, "KVM", device)
    monkeypatch.setattr("sage_lab.machine.commands.PATH", str(tmp_path))
    return tmp_path


def test_kvm_is_good_only_when_a_guest_kernel_spoke(with_kvm: Path) -> None:
    image = [Path("/boot/vmlinuz-test")]
    assert vm.kvm(answers("[    0.000000] Linux version 6.1"), image).good
    refused = vm.kvm(answers("failed to initialize kvm: Operation not permitted", 1), image)
    assert not refused.good
    assert "failed to initialize kvm" in refused.found
    stuck = vm.kvm(hangs, image)
    assert not stuck.good
    assert "did not end within" in stuck.found


def test_kvm_that_could_not_be_tried_is_told_with_the_package_that_lacks(
    with_kvm: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert vm.kvm(hangs, []).fix == "apt-get install linux-image-amd64"
    (with_kvm / acceleration.QEMU).unlink()
    assert "qemu-system-x86" in vm.kvm(hangs, []).fix
    monkeypatch.setattr(acceleration, "KVM", with_kvm / "gone")
    assert "modprobe kvm" in vm.kvm(hangs, []).fix
