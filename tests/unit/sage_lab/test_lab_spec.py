# ruff: noqa: SIM905 - lists of words read best as text
"""What a node's container is made of, and what its base layer takes over."""

import sys
from pathlib import Path
from typing import Any

import pytest

from sage_lab import LabError, Topology
from sage_lab.machine import environment
from sage_lab.providers.container import base_layer, runc

TEMPLATE: dict[str, Any] = {
    "ociVersion": "1.0.2",
    "process": {"terminal": True, "args": ["sh"], "cwd": "/", "rlimits": [{"type": "RLIMIT_NOFILE"}]},
    "root": {"path": "rootfs", "readonly": True},
    "mounts": [
        {"destination": "/proc", "type": "proc", "source": "proc"},
        {"destination": "/dev/shm", "type": "tmpfs", "source": "shm", "options": ["nosuid", "size=65536k"]},
    ],
    "linux": {"resources": {"devices": [{"allow": False}]}, "maskedPaths": ["/proc/kcore"]},
}
TOPOLOGY = Topology.of()


@pytest.fixture
def spec() -> dict[str, Any]:
    return runc.spec(
        TEMPLATE,
        name="worker-1",
        group="sage-lab/t-lab/worker-1",
        network=Path("/run/netns/t-lab.worker-1"),
        topology=TOPOLOGY,
        shared=[Path("/opt/environment")],
    )


def test_the_node_has_its_own_name_and_namespaces(spec: dict[str, Any]) -> None:
    assert spec["hostname"] == "worker-1"
    kinds = {one["type"]: one.get("path") for one in spec["linux"]["namespaces"]}
    assert {"pid", "mount", "uts", "ipc", "network"} <= set(kinds)
    assert kinds["network"] == "/run/netns/t-lab.worker-1"


def test_limits_are_the_topology_s_and_rlimits_are_left_to_the_machine(spec: dict[str, Any]) -> None:
    resources = spec["linux"]["resources"]
    assert resources["memory"]["limit"] == TOPOLOGY.memory + TOPOLOGY.disk
    assert resources["pids"]["limit"] == TOPOLOGY.processes
    assert "rlimits" not in spec["process"]
    assert spec["linux"]["cgroupsPath"] == "/sage-lab/t-lab/worker-1"


def test_the_template_s_protections_stay(spec: dict[str, Any]) -> None:
    assert spec["linux"]["maskedPaths"] == ["/proc/kcore"]
    assert spec["linux"]["resources"]["devices"] == [{"allow": False}]


def test_the_environment_is_mounted_read_only_and_shm_has_its_size(spec: dict[str, Any]) -> None:
    mounts = {one["destination"]: one for one in spec["mounts"]}
    assert "ro" in mounts["/opt/environment"]["options"]
    assert mounts["/dev/shm"]["options"] == ["nosuid", f"size={TOPOLOGY.shared_memory}"]
    assert mounts["/run"]["type"] == "tmpfs"


def test_root_on_a_node_cannot_mount_or_load_modules(spec: dict[str, Any]) -> None:
    allowed = set(spec["process"]["capabilities"]["bounding"])
    assert not allowed & {"CAP_SYS_ADMIN", "CAP_SYS_MODULE", "CAP_DAC_READ_SEARCH", "CAP_MKNOD"}


def test_capabilities_are_known_by_their_bits() -> None:
    assert set(runc.CAPABILITIES) == set(runc._BITS)


def test_the_template_is_not_changed(spec: dict[str, Any]) -> None:
    assert TEMPLATE["mounts"][1]["options"] == ["nosuid", "size=65536k"]
    assert spec["root"]["readonly"] is False
    assert TEMPLATE["root"]["readonly"] is True


@pytest.mark.parametrize("name", ["usr", "bin", "sbin", "lib", "lib64", "libx32"])
def test_programs_show_through(name: str) -> None:
    assert base_layer.shows_through(name)


@pytest.mark.parametrize("name", ["root", "home", "etc", "var", "work", "opt", "data", "swapfile", "tmp"])
def test_everything_else_is_hidden(name: str) -> None:
    assert not base_layer.shows_through(name)


@pytest.mark.parametrize(
    "name",
    """shadow gshadow sudoers sudoers.d ssh crontab cron.d NetworkManager wireguard kubernetes pip.conf npmrc
    gitconfig apt hosts machine-id environment docker""".split(),
)
def test_private_settings_are_not_taken_over(name: str) -> None:
    assert name not in base_layer.ETC_PUBLIC


@pytest.mark.parametrize(("uid", "kept"), [(0, True), (999, True), (1000, False), (60000, False), (65534, True)])
def test_people_s_accounts_are_left_out(uid: int, kept: bool) -> None:
    assert base_layer.is_system_account(uid) is kept


def test_files_that_not_everybody_may_read_are_dropped(tmp_path: Path) -> None:
    for name, mode in {"open": 0o644, "closed": 0o640}.items():
        (tmp_path / name).touch()
        (tmp_path / name).chmod(mode)
    (tmp_path / "secrets").mkdir(mode=0o700)
    (tmp_path / "secrets" / "readable").touch(mode=0o644)
    (tmp_path / "link").symlink_to("/etc/shadow")
    base_layer._drop_unreadable(tmp_path)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["link", "open"]


def test_the_shared_directories_hold_the_interpreter_and_every_link_to_it() -> None:
    seen = [Path("/usr"), Path("/bin"), *environment.shared_directories()]
    links = environment._links(Path(sys.executable))
    assert links
    assert [path for path in links if not any(path.is_relative_to(directory) for directory in seen)] == []


def test_a_chain_of_links_is_followed_step_by_step(tmp_path: Path) -> None:
    (tmp_path / "real").touch()
    (tmp_path / "middle").symlink_to("real")
    (tmp_path / "first").symlink_to(tmp_path / "middle")
    assert environment._links(tmp_path / "first") == [tmp_path / n for n in ("first", "middle", "real")]


def test_an_environment_from_which_ray_does_not_start_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "prefix", "/home/someone/My Projects/lab/.venv")
    with pytest.raises(LabError, match=r"path has a space.*\n?.*clone the project to a path without spaces"):
        environment.shared_directories()
