"""A node's platform: what pip is told of it, and which versions may not meet."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from sage_cluster.deployment.platform import NodePlatform, check_versions
from sage_cluster.deployment.source_tree import SourceTree, read_source_tree
from sage_cluster.deployment.wheel import read_wheel
from sage_cluster.deployment.wheel_cache import WheelCache
from sage_cluster.errors import DeploymentError, NodeError
from tests.support.projects import HERE, PROJECT, lay_out
from tests.support.wheels import make_wheel


def test_pip_is_told_the_nodes_platform_and_not_its_own() -> None:
    options = HERE.pip_options()
    assert options[options.index("--python-version") + 1] == "3.11"
    assert {"cp311", "abi3", "none"} <= set(options)
    assert "manylinux_2_36_x86_64" in options
    assert "manylinux2014_x86_64" in options
    assert "manylinux_2_37_x86_64" not in options
    musl = replace(HERE, libc="musl").pip_options()
    assert "musllinux_1_2_x86_64" in musl
    assert not any(one.startswith("manylinux") for one in musl)


@pytest.mark.parametrize(
    ("there", "said"),
    [
        (replace(HERE, python="3.12.1"), ["Python 3.11.7 here", "3.12.1 on the head"]),
        (replace(HERE, python="3.11.8"), ["Python 3.11.7 here", "3.11.8 on the head"]),
        (replace(HERE, installed=(("ray", "2.61.0"),)), ["Ray 2.60.0 here", "2.61.0 on the head"]),
    ],
)
def test_another_version_than_the_heads_is_refused_with_both(there: NodePlatform, said: list[str]) -> None:
    with pytest.raises(NodeError) as caught:
        check_versions("worker-7", HERE, "head", there)
    assert str(caught.value).startswith("worker-7: ")
    assert all(one in str(caught.value) for one in said)


def test_a_node_without_ray_is_refused() -> None:
    with pytest.raises(NodeError, match="Ray is missing here"):
        check_versions("worker-7", replace(HERE, installed=()), "head", HERE)


def test_equal_versions_are_fine() -> None:
    check_versions("worker-7", replace(HERE, installed=(("a", "1"), ("ray", "2.60.0"))), "head", HERE)


@pytest.fixture
def wheels(tmp_path: Path) -> Path:
    make_wheel(tmp_path / "wheels", {"needed.py": b""}, name="needed", version="2.0", requires=("deeper",))
    make_wheel(tmp_path / "wheels", {"deeper.py": b""}, name="deeper")
    return tmp_path / "wheels"


def test_what_is_needed_comes_with_what_that_needs(tmp_path: Path, wheels: Path) -> None:
    project = read_wheel(make_wheel(tmp_path, requires=("needed>=1",)))
    found = WheelCache(tmp_path / "cache", wheels).needed_by(project, HERE)
    assert [one.name for one in found] == ["deeper-1.0-py3-none-any.whl", "needed-2.0-py3-none-any.whl"]


def test_what_the_node_has_is_not_sent(tmp_path: Path, wheels: Path) -> None:
    project = read_wheel(make_wheel(tmp_path, requires=("needed>=1",)))
    platform = replace(HERE, installed=(("deeper", "1.0"),))
    found = WheelCache(tmp_path / "cache", wheels).needed_by(project, platform)
    assert [one.name for one in found] == ["needed-2.0-py3-none-any.whl"]


def test_another_version_than_the_node_has_is_refused(tmp_path: Path, wheels: Path) -> None:
    project = read_wheel(make_wheel(tmp_path, requires=("needed>=2",)))
    platform = replace(HERE, installed=(("needed", "1.0"),))
    with pytest.raises(DeploymentError, match=r"needed") as caught:
        WheelCache(tmp_path / "cache", wheels).needed_by(project, platform)
    assert "pip could not resolve what hello-1.0-py3-none-any.whl needs" in str(caught.value)


def test_the_same_requirements_are_resolved_once(tmp_path: Path, wheels: Path) -> None:
    cache = WheelCache(tmp_path / "cache", wheels)
    first = cache.needed_by(read_wheel(make_wheel(tmp_path, requires=("needed",))), HERE)
    changed = read_wheel(make_wheel(tmp_path, {"hello.py": b"changed"}, requires=("needed",)))
    before = [one.stat().st_ino for one in first]
    assert cache.needed_by(changed, HERE) == first
    assert [one.stat().st_ino for one in first] == before


def test_what_cannot_be_had_leaves_no_half_entry(tmp_path: Path, wheels: Path) -> None:
    project = read_wheel(make_wheel(tmp_path, requires=("nowhere-to-be-found",)))
    with pytest.raises(DeploymentError, match="nowhere-to-be-found"):
        WheelCache(tmp_path / "cache", wheels).needed_by(project, HERE)
    assert list((tmp_path / "cache/needed").iterdir()) == []


def test_a_tree_is_built_from_its_packaged_files_once(tmp_path: Path) -> None:
    tree = read_source_tree(lay_out(tmp_path / "project", {**PROJECT, ".env": "secret"}))
    cache = WheelCache(tmp_path / "cache")
    wheel = cache.build(tree)
    with zipfile.ZipFile(wheel) as archive:
        assert archive.read("hello.py") == b"ANSWER = 42\n"
    before = wheel.stat().st_ino
    assert cache.build(tree) == wheel
    assert wheel.stat().st_ino == before
    assert read_wheel(wheel).imports == ("hello",)


def test_a_tree_that_changes_meanwhile_does_not_fill_the_cache_of_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = lay_out(tmp_path / "project", PROJECT)
    cache = WheelCache(tmp_path / "cache")
    copy_to = SourceTree.copy_to

    def changed_before(tree: SourceTree, directory: Path) -> None:
        (root / "hello.py").write_text("ANSWER = 43\n")
        copy_to(tree, directory)

    with monkeypatch.context() as patch:
        patch.setattr(SourceTree, "copy_to", changed_before)
        cache.build(read_source_tree(root))
    (root / "hello.py").write_text("ANSWER = 42\n")
    with zipfile.ZipFile(cache.build(read_source_tree(root))) as archive:
        assert archive.read("hello.py") == b"ANSWER = 42\n"


def test_a_file_that_vanishes_meanwhile_is_told(tmp_path: Path) -> None:
    tree = read_source_tree(lay_out(tmp_path / "project", PROJECT))
    (tree.root / "hello.py").unlink()
    with pytest.raises(DeploymentError, match="the project changed while it was read") as caught:
        WheelCache(tmp_path / "cache").build(tree)
    assert caught.value.where == str(tree.root / "hello.py")


def test_what_is_fetched_is_what_was_chosen(tmp_path: Path, wheels: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = read_wheel(make_wheel(tmp_path, requires=("needed",)))
    run = WheelCache._pip

    def changed_before(cache: WheelCache, arguments: Sequence[str], doing: str) -> None:
        if arguments[0] == "download":
            make_wheel(wheels, {"needed.py": b"print('another')"}, name="needed", version="2.0", requires=("deeper",))
        run(cache, arguments, doing)

    monkeypatch.setattr(WheelCache, "_pip", changed_before)
    with pytest.raises(DeploymentError, match=r"(?s)pip could not fetch .*DO NOT MATCH THE HASHES"):
        WheelCache(tmp_path / "cache", wheels).needed_by(project, HERE)


def test_another_wheel_of_the_same_name_is_chosen_anew(tmp_path: Path, wheels: Path) -> None:
    project = read_wheel(make_wheel(tmp_path, requires=("deeper",)))
    cache = WheelCache(tmp_path / "cache", wheels)
    first = cache.needed_by(project, HERE)[0].read_bytes()
    make_wheel(wheels, {"deeper.py": b"print('mended')"}, name="deeper")
    assert cache.needed_by(project, HERE)[0].read_bytes() != first


def test_a_failed_build_says_what_pip_said(tmp_path: Path) -> None:
    broken = {**PROJECT, "backend.py": "raise RuntimeError('the build is broken')\n"}
    with pytest.raises(DeploymentError, match="the build is broken"):
        WheelCache(tmp_path / "cache").build(read_source_tree(lay_out(tmp_path / "project", broken)))


def test_a_missing_directory_of_wheels_is_named(tmp_path: Path) -> None:
    with pytest.raises(DeploymentError, match="no such directory") as caught:
        WheelCache(tmp_path, tmp_path / "nowhere")
    assert caught.value.where == str(tmp_path / "nowhere")
