"""The live page: what it is told, how it is served, the way to Ray's dashboard; and the page in a real browser."""

from __future__ import annotations

import http.client
import json
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from sage_lab.lab import Lab
from sage_lab.model import LabNode, NodeHealth
from sage_lab.watch.forward import Forward
from sage_lab.watch.server import WatchServer
from sage_lab.watch.snapshot import RUN, Watcher

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
QUIET = ("--no-first-run", "--disable-background-networking", "--disable-sync", "--disable-quic", "--disable-gpu")
NODES = [
    NodeHealth.of(LabNode("head", "head", "198.18.0.10", "198.18.1.10"), state="running", ssh=True, plugged=True),
    NodeHealth.of(
        LabNode("worker-1", "worker", "198.18.0.11", "198.18.1.11"), state="paused", ssh=False, plugged=False
    ),
]


def lab_in(directory: Path) -> Lab:
    return cast("Lab", SimpleNamespace(name="lab-x", directory=directory, status=lambda: NODES))


@pytest.fixture
def state(tmp_path: Path) -> dict[str, Any]:
    (tmp_path / RUN).write_text(
        json.dumps({"suite": "Failure", "test": "Nodes", "step": "Cut", "number": 2, "total": 9, "states": {}})
    )
    (tmp_path / "config.supervisor.json").write_text(json.dumps({"head": {"state": "running", "reason": ""}}))
    lines = [
        {"time": "2026-01-01T00:00:01", "event": "observed", "node": "worker-1", "state": "lost", "reason": "silent"},
        {"time": "2026-01-01T00:00:03", "event": "begin", "operation": "start <b>cluster</b>"},
    ]
    journal = "".join(json.dumps(line) + "\n" for line in lines)
    (tmp_path / "config.journal.jsonl").write_text(journal + '{"time": "2026', encoding="utf-8")
    watcher = Watcher(lab_in(tmp_path))
    watcher.start()
    watcher.stop()
    return {**watcher.snapshot(), "faults": [{"kind": "frozen", "targets": ["worker-1"]}]}


@pytest.fixture
def server(state: dict[str, Any]) -> Iterator[WatchServer]:
    with WatchServer(0, lambda: state, "http://127.0.0.1:8265/") as served:
        thread = threading.Thread(target=served.serve_forever)
        thread.start()
        yield served
        served.shutdown()
        thread.join()


def get(server: WatchServer, path: str, host: str = "") -> tuple[int, str]:
    port = int(server.server_address[1])
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", path, headers={"Host": host or f"127.0.0.1:{port}"})
    answer = connection.getresponse()
    return answer.status, answer.read().decode()


def test_the_snapshot_has_nodes_run_and_events_newest_first(state: dict[str, Any]) -> None:
    assert [(node["name"], node["state"]) for node in state["nodes"]] == [("head", "running"), ("worker-1", "paused")]
    assert state["run"]["test"] == "Nodes"
    assert state["supervisor"]["head"]["state"] == "running"
    assert [event["text"] for event in state["events"]] == ["begin start <b>cluster</b>", "observed lost silent"]


def test_a_lab_that_does_not_answer_is_told(tmp_path: Path) -> None:
    def broken() -> list[NodeHealth]:
        raise OSError("no such lab any more")

    watcher = Watcher(cast("Lab", SimpleNamespace(name="lab-x", directory=tmp_path, status=broken)))
    watcher.start()
    watcher.stop()
    assert watcher.snapshot()["problem"] == "no such lab any more"
    assert watcher.snapshot()["run"] == {}


def test_the_page_and_the_state_are_served_and_nothing_else(server: WatchServer) -> None:
    assert get(server, "/")[0] == 200
    status, body = get(server, "/state.json")
    assert (status, json.loads(body)["dashboard"]) == (200, "http://127.0.0.1:8265/")
    for path in ("/../server.py", "/page.html", "/state.json?x"):
        assert get(server, path)[0] == 404


def test_a_page_of_another_name_gets_nothing(server: WatchServer) -> None:
    assert get(server, "/state.json", host="evil.example")[0] == 403
    assert server.server_address[0] == "127.0.0.1"


def test_the_forward_passes_both_ways_and_ends_with_either_side() -> None:
    with socket.create_server(("127.0.0.1", 0)) as node:

        def answer() -> None:
            connection, _ = node.accept()
            with connection:
                connection.sendall(b"you said " + connection.recv(100))

        threading.Thread(target=answer, daemon=True).start()
        address = node.getsockname()
        with Forward(0, lambda: socket.create_connection(address, 5)) as forward:
            forward.start()
            with socket.create_connection(("127.0.0.1", forward.port), 5) as browser:
                browser.sendall(b"hello")
                said = b"".join(iter(lambda: browser.recv(100), b""))
            forward.shutdown()
    assert said == b"you said hello"


def test_a_node_that_does_not_answer_ends_the_connection() -> None:
    def refused() -> socket.socket:
        raise ConnectionRefusedError

    with Forward(0, refused) as forward:
        forward.start()
        with socket.create_connection(("127.0.0.1", forward.port), 5) as browser:
            assert browser.recv(1) == b""
        forward.shutdown()


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")
def test_a_browser_shows_nodes_fault_test_and_events(server: WatchServer, tmp_path: Path) -> None:
    command = [str(CHROMIUM), "--headless", "--no-sandbox", *QUIET, f"--user-data-dir={tmp_path}/chromium"]
    done = subprocess.run(
        [*command, "--virtual-time-budget=4000", "--dump-dom", server.url],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    page = done.stdout
    assert "Failure: test 2 of 9: Nodes \u2192 Cut" in page
    assert ">frozen</text>" in page
    assert "cable unplugged  frozen</text>" in page
    assert "<li>frozen on worker-1</li>" in page
    assert "begin start &lt;b&gt;cluster&lt;/b&gt;" in page
    assert 'href="http://127.0.0.1:8265/"' in page
