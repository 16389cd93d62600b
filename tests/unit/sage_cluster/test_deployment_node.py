"""Deployments to a node that is a directory: what is sent, kept, switched to and gone back to."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sage_cluster.deployment.package import make_package
from sage_cluster.deployment.wheel import read_wheel
from sage_cluster.errors import NodeError
from sage_cluster.on_node.deploy.environ import deployed_environ
from sage_cluster.on_node.deploy.store import DeployError, Store, python_paths
from sage_cluster.on_node.sessions import COOKIE
from tests.support.nodes import Make, Node
from tests.support.waiting import wait_for
from tests.support.wheels import make_wheel


def test_a_first_deployment_sends_all_and_works(node: Node, package: Make) -> None:
    hello = package("hello")
    answer = node.deploy(hello.with_text("config.yaml", "node: {name: here}\n"))
    assert answer["release"] == f"0001-{hello.name}"
    assert answer["previous"] == ""
    assert answer["files_sent"] == len(hello.files) + 1
    assert answer["files_skipped"] == 0
    assert answer["bytes_sent"] > 0
    assert answer["restart_needed"] is False
    assert node.greeting() == "hello"
    assert (node.home / "config.yaml").read_text() == "node: {name: here}\n"


def test_the_same_again_sends_nothing_and_makes_no_release(node: Node, package: Make) -> None:
    node.deploy(package("hello"))
    before = node.files()
    answer = node.deploy(package("hello"))
    assert answer["unchanged"]
    assert (answer["files_sent"], answer["bytes_sent"]) == (0, 0)
    assert node.files() == before


def test_a_changed_file_is_sent_alone(node: Node, package: Make) -> None:
    node.deploy(package("hello"))
    answer = node.deploy(package("goodbye"))
    assert answer["sent"] == ["site/greeting-1.0.dist-info/RECORD", "site/greeting/__init__.py"]
    assert node.greeting() == "goodbye"
    assert answer["previous"].startswith("0001-")
    assert answer["release"].startswith("0002-")


def test_a_plan_changes_nothing(node: Node, package: Make) -> None:
    answer = node.deploy(package("hello"), dry_run=True)
    assert answer["files_sent"] == len(package("hello").files)
    assert answer["release"] == ""
    assert not node.home.exists()


def test_rollback_goes_back_one_release_after_another(node: Node, package: Make) -> None:
    for word in ("one", "two", "three"):
        node.deploy(package(word))
    answer = node.nodes.rollback(node.node, 60.0)
    assert node.greeting() == "two"
    assert answer["previous"].startswith("0003-")
    node.nodes.rollback(node.node, 60.0)
    assert node.greeting() == "one"
    with pytest.raises(NodeError, match="no release before 0001-"):
        node.nodes.rollback(node.node, 60.0)
    node.deploy(package("four"))
    assert node.store.current().startswith("0004-"), "a new release comes after all others"


def test_a_damaged_file_of_the_store_is_sent_again(node: Node, package: Make) -> None:
    node.deploy(package("hello"))
    file = node.home / "deploy/current/site/greeting/__init__.py"
    file.chmod(0o644)
    file.write_text("print('somebody was here')\n")
    answer = node.deploy(package("hello"))
    assert answer["sent"] == ["site/greeting/__init__.py"]
    assert not answer["unchanged"]
    assert node.greeting() == "hello"


def test_a_removed_file_of_the_release_comes_back(node: Node, package: Make) -> None:
    node.deploy(package("hello"))
    (node.home / "deploy/current/site/greeting/same.txt").unlink()
    answer = node.deploy(package("hello"))
    assert (answer["files_sent"], answer["unchanged"]) == (0, False)
    assert (node.home / "deploy/current/site/greeting/same.txt").is_file()


def test_the_last_releases_are_kept_with_what_they_need(node: Node, package: Make) -> None:
    for word in "abcd":
        node.deploy(package(word), keep=2)
    assert [name[:4] for name in node.store.complete()] == ["0003", "0004"]
    needed = {digest for name in node.store.complete() for _, digest, *_ in node.store.manifest(name)["files"]}
    assert {path.name for path in node.store.blobs.iterdir()} == needed


def test_a_release_in_use_is_kept_and_a_restart_is_asked_for(node: Node, package: Make) -> None:
    node.deploy(package("old"))
    environ = deployed_environ(str(node.home), {"PATH": "/bin"})
    assert environ["PATH"].endswith("/bin:/bin")
    environ[COOKIE] = node.node.spec["temp_dir"]
    running = subprocess.Popen(["raylet", "60"], executable="/bin/sleep", env=environ)
    try:
        wait_for(lambda: environ["PYTHONPATH"] in python_paths())
        answers = [node.deploy(package(word), keep=1) for word in ("new", "newer")]
        assert [answer["restart_needed"] for answer in answers] == [True, True]
        assert [name[:4] for name in node.store.complete()] == ["0001", "0003"]
    finally:
        running.kill()
        running.wait()


def test_a_process_that_wrote_over_its_environment_asks_for_no_restart(node: Node, package: Make) -> None:
    node.deploy(package("hello"))
    environ = {COOKIE: node.node.spec["temp_dir"]}
    with subprocess.Popen(["ray::DashboardAgent", "60"], executable="/bin/sleep", env=environ) as agent:
        try:
            assert node.deploy(package("hello"))["restart_needed"] is False
        finally:
            agent.kill()


def test_one_deployment_at_a_time(node: Node) -> None:
    with (
        node.store.locked(0.0),
        pytest.raises(DeployError, match=f"another deployment is under way on this node: process {os.getpid()}"),
        Store(str(node.home)).locked(0.2),
    ):
        raise AssertionError("two deployments at once")
    with node.store.locked(0.0):
        pass


def test_somebodys_own_configuration_is_left_alone(node: Node, package: Make) -> None:
    node.home.mkdir()
    (node.home / "config.yaml").write_text("mine\n")
    answer = node.deploy(package("hello").with_text("config.yaml", "sent\n"))
    assert "left alone" in answer["configuration"]
    assert (node.home / "config.yaml").read_text() == "mine\n"


def test_programs_of_a_wheel_get_rays_python(node: Node, tmp_path: Path) -> None:
    script = b"#!python\nimport sys\nprint(sys.executable)\n"
    wheel = make_wheel(tmp_path, {"a.py": b"", "tool-1.0.data/scripts/tool": script}, name="tool")
    node.deploy(make_package(read_wheel(wheel), []))
    tool = node.home / "deploy/current/bin/tool"
    done = subprocess.run([tool], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == sys.executable


def test_facts_tell_python_and_what_is_installed(node: Node) -> None:
    facts = node.nodes.facts(node.node)
    assert facts["python"] == ".".join(map(str, sys.version_info[:3]))
    assert "ray" in dict(facts["installed"])
    assert facts["libc"].startswith("glibc 2.")


def test_without_a_deployment_the_environment_is_as_it_was(tmp_path: Path) -> None:
    assert deployed_environ(str(tmp_path), {"PATH": "/bin"}) == {}
    assert deployed_environ("", {}) == {}
