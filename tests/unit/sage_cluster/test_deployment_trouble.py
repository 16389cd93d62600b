"""Deployments that go wrong: the release before stays, nothing half-made is left, and the error says why."""

from __future__ import annotations

import errno
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sage_cluster.deployment import session
from sage_cluster.deployment.package import make_package
from sage_cluster.deployment.wheel import read_wheel
from sage_cluster.errors import CommandTimeoutError, ConnectionLostError, NodeError
from sage_cluster.on_node import main
from sage_cluster.on_node.deploy.channel import in_conversation
from sage_cluster.on_node.deploy.store import DeployError
from sage_cluster.ssh.connection import Target
from tests.support.nodes import Make, Node, PipePool, PipeStream
from tests.support.wheels import make_wheel


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("import nowhere_to_be_found\n", "import greeting: ModuleNotFoundError"),
        ("raise SystemExit(3)\n", "import greeting: SystemExit: 3"),
        ("def other():\n    pass\n", "entry point greeting:main: AttributeError"),
        ("import os\nos._exit(7)\n", "ended with status 7"),
        ("def main(:\n", "SyntaxError"),
    ],
)
def test_what_does_not_work_is_not_switched_to(node: Node, package: Make, source: str, said: str) -> None:
    node.deploy(package("hello"))
    before = node.files()
    with pytest.raises(NodeError, match="here: ") as caught:
        node.deploy(package("broken", source))
    assert said in str(caught.value)
    assert node.greeting() == "hello"
    assert node.files() == before, "nothing half-made is left"


def test_an_import_that_hangs_ends_at_the_deadline(node: Node, package: Make) -> None:
    with pytest.raises((NodeError, CommandTimeoutError), match="did not end within 2 s"):
        node.deploy(package("slow", "import time\ntime.sleep(60)\n"), timeout=2.0)
    assert node.store.current() == ""


def test_a_module_of_that_name_elsewhere_is_noticed(node: Node, tmp_path: Path) -> None:
    """A namespace package loses against a regular one of the same name, wherever that lies."""
    wheel = make_wheel(tmp_path, {"json/more.py": b""}, name="shadowed")
    with pytest.raises(NodeError, match="not from the release"):
        node.deploy(make_package(read_wheel(wheel), []))


@pytest.mark.parametrize("damage", ["data", "blob"])
def test_what_arrives_damaged_is_refused(node: Node, package: Make, damage: str) -> None:
    node.deploy(package("hello"))
    before = node.files()

    def spoil(text: str) -> str:
        message = json.loads(text) if text.startswith("{") else {}
        if damage == "data" and "data" in message:
            return json.dumps({"data": message["data"][::-1].replace("=", "A")}) + "\n"
        if damage == "blob" and "blob" in message:
            return json.dumps({**message, "blob": "0" * 64}) + "\n"
        return text

    node.pool.spoil = spoil
    with pytest.raises(NodeError, match="arrived damaged"):
        node.deploy(package("goodbye"))
    assert node.greeting() == "hello"
    assert node.files() == before
    node.pool.spoil = lambda text: text
    node.deploy(package("goodbye"))
    assert node.greeting() == "goodbye"


def test_a_cut_transfer_goes_on_where_it_ended(node: Node, package: Make) -> None:
    extra = {f"random{number}": os.urandom(30_000) for number in range(6)}
    blobs = iter(range(100))

    def cut(text: str) -> str:
        if text.startswith('{"blob"') and next(blobs) == 4:
            raise ConnectionLostError("the cable was pulled", where="here")
        return text

    node.pool.spoil = cut
    with pytest.raises(ConnectionLostError, match=r"4 of \d+ files had been sent"):
        node.deploy(package("hello", **extra))
    assert node.pool.dropped == [node.node.target]
    assert node.store.current() == ""
    assert len(list(node.store.blobs.iterdir())) == 4, "what arrived whole is kept, and no more"
    node.pool.spoil = lambda text: text
    whole = package("hello", **extra)
    answer = node.deploy(whole)
    assert answer["files_sent"] == len({file.digest for file in whole.files}) - 4
    assert node.greeting() == "hello"


def test_a_half_made_release_of_a_killed_deployment_is_removed(node: Node, package: Make) -> None:
    node.deploy(package("hello"))
    half = node.store.releases / "0002-half/site"
    half.mkdir(parents=True)
    half_blob = node.store.blobs / f".{'0' * 64}"
    half_blob.write_bytes(b"x")
    node.deploy(package("goodbye"))
    assert not half.exists()
    assert not half_blob.exists()
    assert node.greeting() == "goodbye"


@pytest.mark.parametrize(
    "stray", ["notes.txt", "1", "12-x", "2024-notes", ".nfs0000000012", "lost+found/x", "0000", "0009-x"]
)
def test_what_is_no_release_breaks_no_deployment_and_stays(node: Node, package: Make, stray: str) -> None:
    node.deploy(package("hello"))
    for place in (node.store.releases, node.store.blobs):
        (place / stray).parent.mkdir(exist_ok=True)
        (place / stray).write_text("somebody's")
    (node.store.blobs / "a directory").mkdir()
    node.deploy(package("goodbye"), keep=1)
    assert node.greeting() == "goodbye"
    node.deploy(package("hello"), keep=2)
    node.nodes.rollback(node.node, 60.0)
    assert node.greeting() == "goodbye"
    for place in (node.store.releases, node.store.blobs):
        assert (place / stray).read_text() == "somebody's"


def test_a_disk_without_room_is_refused_before_anything_is_sent(node: Node, package: Make) -> None:
    node.deploy(package("hello"))
    space = os.statvfs(node.home)
    with pytest.raises(DeployError, match="too full"):
        node.store.check_room(space.f_bavail * space.f_frsize)


def test_errors_of_the_system_are_told_in_words() -> None:
    def full(_spec: dict[str, Any], _talk: object) -> dict[str, Any]:
        raise OSError(errno.ENOSPC, "No space left on device", "/x")

    assert "the disk is full (/x)" in json.loads(main.run(in_conversation(full), '{"message_frame": ""}'))["problem"]


def test_a_home_that_cannot_be_written_is_named(node: Node, package: Make) -> None:
    node.home.write_text("a file where a directory should be")
    with pytest.raises(NodeError, match=str(node.home)):
        node.deploy(package("hello"))


@pytest.mark.parametrize("path", ["../evil", "/etc/evil", "manifest.json"])
def test_a_manifest_cannot_write_outside_of_its_release(node: Node, package: Make, path: str) -> None:
    hello = package("hello")
    evil = replace(hello, files=(replace(hello.files[0], path=path), *hello.files[1:]))
    with pytest.raises(NodeError, match="outside of the release"):
        node.deploy(evil)
    assert node.store.complete() == []


def test_a_silent_node_is_given_up(node: Node, package: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "SILENCE_SECONDS", 0.3)
    monkeypatch.setattr(session, "command_line", lambda *_: ["sleep", "60"])
    with pytest.raises(ConnectionLostError, match="no heartbeat"):
        node.deploy(package("hello"))


@pytest.mark.parametrize(
    "said",
    ["{ welcome }", '{"lacking": 1}', '{"heartbeat": {"x": 1}}', "no line end", "sage-cluster-answer:[]"],
)
def test_what_a_login_script_prints_does_no_harm(
    node: Node, package: Make, monkeypatch: pytest.MonkeyPatch, said: str
) -> None:
    genuine = PipePool.stream

    def after_a_script(pool: PipePool, target: Target, words: list[str]) -> PipeStream:
        return genuine(pool, target, ["sh", "-c", 'printf %s "$0"; exec "$@"', said, *words])

    monkeypatch.setattr(PipePool, "stream", after_a_script)
    node.deploy(package("hello"))
    assert node.greeting() == "hello"


@pytest.mark.parametrize("said", ["{}", "[]", "null", "[" * 100_000, '{"lacking": [1]}', '{"lacking": {"a": 1}}', "{"])
def test_a_message_that_is_none_is_that_nodes_error(
    node: Node, package: Make, monkeypatch: pytest.MonkeyPatch, said: str
) -> None:
    monkeypatch.setattr(session, "find_answer", lambda line, nonce: said)
    with pytest.raises(NodeError, match="here: what the node says cannot be used"):
        node.deploy(package("hello"))
