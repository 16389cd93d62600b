"""Wheels: what is in them, and that a damaged one is refused; packages made of them."""

from __future__ import annotations

import hashlib
import zipfile
import zlib
from pathlib import Path

import pytest

from sage_cluster.deployment.package import make_package
from sage_cluster.deployment.wheel import Wheel, read_wheel
from sage_cluster.errors import DeploymentError
from tests.support.wheels import PLAIN, make_wheel

SCRIPTS = b"[console_scripts]\nhello = hello:greet\nextra = hello.x:main [serve]\n[my.plugins]\nGreeter = hello:greet\n"


def unpacked(wheel: Wheel, path: str) -> bytes:
    member = next(one for one in wheel.members if one.path == path)
    data = b"".join(member.source.chunks())
    assert len(data) == member.source.packed
    return zlib.decompress(data, -15) if member.source.deflated else data


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_every_file_is_there_with_its_digest_and_its_bytes(tmp_path: Path, compression: int) -> None:
    wheel = read_wheel(make_wheel(tmp_path, compression=compression))
    assert (wheel.name, wheel.version) == ("hello", "1.0")
    for path, data in PLAIN.items():
        member = next(one for one in wheel.members if one.path == f"site/{path}")
        assert member.digest == hashlib.sha256(data).hexdigest()
        assert member.size == len(data)
        assert unpacked(wheel, member.path) == data


def test_imports_commands_and_entry_points_are_known(tmp_path: Path) -> None:
    files = {**PLAIN, "single.py": b"", "native.cpython-311-x86_64-linux-gnu.so": b"", "tests/test_a.py": b""}
    wheel = read_wheel(make_wheel(tmp_path, files, entry_points=SCRIPTS, requires=("b>=2", "a")))
    assert wheel.imports == ("hello", "native", "single")
    assert wheel.scripts == {"hello": "hello:greet"}
    assert wheel.entry_points == ("hello:greet",), "one that needs an extra is not checked"
    assert wheel.requires == ("py3", "none", "any", "a", "b>=2")


def test_data_directories_go_where_they_belong(tmp_path: Path) -> None:
    files = {f"hello-1.0.data/{kind}/x": b"" for kind in ("purelib", "platlib", "scripts", "headers")}
    files = {name + str(number): b"" for number, name in enumerate(files)}
    members = {one.path: one.executable for one in read_wheel(make_wheel(tmp_path, files)).members}
    assert {"site/x0", "site/x1", "bin/x2", "data/headers/x3"} < members.keys()
    assert members["bin/x2"]
    assert not members["site/x0"]


def cut_short(wheel: Path) -> None:
    wheel.write_bytes(wheel.read_bytes()[:-200])


def one_bit_wrong(wheel: Path) -> None:
    data = bytearray(wheel.read_bytes())
    data[80] ^= 1
    wheel.write_bytes(data)


@pytest.mark.parametrize("damage", [cut_short, one_bit_wrong, lambda wheel: wheel.write_bytes(b"")])
def test_a_damaged_wheel_is_refused_by_its_path(tmp_path: Path, damage: object) -> None:
    wheel = make_wheel(tmp_path)
    assert callable(damage)
    damage(wheel)
    with pytest.raises(DeploymentError, match="damaged") as caught:
        read_wheel(wheel)
    assert caught.value.where == str(wheel)


@pytest.mark.parametrize(
    ("record", "said"),
    [
        ("hello/__init__.py,sha256=AAAA,1\n", "is not as its RECORD says"),
        ("", "no digest"),
        ("one,two\n", "three columns"),
    ],
)
def test_a_file_that_is_not_as_recorded_is_refused(tmp_path: Path, record: str, said: str) -> None:
    with pytest.raises(DeploymentError, match=said):
        read_wheel(make_wheel(tmp_path, record=record))


@pytest.mark.parametrize("name", ["../evil.py", "/etc/evil", "a/../../evil", "a\\evil"])
def test_a_member_that_would_leave_the_release_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(DeploymentError, match="outside of the release"):
        read_wheel(make_wheel(tmp_path, {name: b""}))


def test_a_link_in_a_wheel_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DeploymentError, match="symbolic link"):
        read_wheel(make_wheel(tmp_path, {"a": b"/etc/passwd"}, links=("a",)))


def test_a_command_cannot_be_written_elsewhere(tmp_path: Path) -> None:
    with pytest.raises(DeploymentError, match="no file name"):
        read_wheel(make_wheel(tmp_path, entry_points=b"[console_scripts]\n../evil = hello:greet\n"))


def test_a_package_is_named_by_its_content(tmp_path: Path) -> None:
    one = make_package(read_wheel(make_wheel(tmp_path / "1")), [])
    same = make_package(read_wheel(make_wheel(tmp_path / "2")), [])
    other = make_package(read_wheel(make_wheel(tmp_path / "3", {**PLAIN, "hello/data.bin": b"\0\2"})), [])
    assert one.name.startswith("hello-1.0-")
    assert one.name == same.name
    assert one.name != other.name
    changed = {file.path for file in set(other.files) - set(one.files)}
    assert changed == {"site/hello/data.bin", "site/hello-1.0.dist-info/RECORD"}


def test_the_projects_own_file_wins_over_that_of_a_dependency(tmp_path: Path) -> None:
    project = read_wheel(make_wheel(tmp_path, {"shared.py": b"project"}))
    needed = read_wheel(make_wheel(tmp_path, {"shared.py": b"needed", "more.py": b""}, name="needed"))
    package = make_package(project, [needed])
    shared = next(file for file in package.files if file.path == "site/shared.py")
    assert shared.digest == hashlib.sha256(b"project").hexdigest()
    assert package.imports == ("shared",), "what it needs is not what is checked"
    assert "site/more.py" in {file.path for file in package.files}


def test_a_nodes_own_file_does_not_change_the_name(tmp_path: Path) -> None:
    package = make_package(read_wheel(make_wheel(tmp_path)), [])
    own = package.with_text("config.yaml", "node: a\n")
    assert own.name == package.name
    assert ["config.yaml", hashlib.sha256(b"node: a\n").hexdigest(), 8, False] in own.manifest()["files"]
