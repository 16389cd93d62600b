"""The live page: what it is told, how it is served, the way to Ray's dashboard; and the page in a real browser."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from urllib.parse import urlsplit

import psutil
import pytest

from sage_cluster.operations.journal import Journal
from sage_cluster.supervision.process import SupervisorProcess
from sage_lab.faults.events import FILE
from sage_lab.lab import Lab
from sage_lab.model import LabNode, NodeHealth
from SageLibrary.live.forward import Forward
from SageLibrary.live.server import WatchServer
from SageLibrary.live.snapshot import RUN, Watcher
from tests.support.browser import chromium, inaccessible, opened, too_wide

NODES = [
    NodeHealth.of(LabNode("head", "head", "198.18.0.10", "198.18.1.10"), state="running", ssh=True, plugged=True),
    NodeHealth.of(
        LabNode("worker-1", "worker", "198.18.0.11", "198.18.1.11"), state="paused", ssh=False, plugged=False
    ),
]


SO_FAR = {"passed": 1, "failed": 0, "states": {}, "ended": False}


def me() -> dict[str, float]:
    return {"pid": os.getpid(), "began": psutil.Process().create_time()}


def lab_in(directory: Path) -> Lab:
    config_path = directory / "config.yaml"
    return cast(
        "Lab", SimpleNamespace(name="lab-x", directory=directory, config_path=config_path, status=lambda: NODES)
    )


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    (tmp_path / RUN).write_text(
        json.dumps({"suite": "Failure", "test": "Nodes", "step": "Cut", "number": 2, "total": 9, **SO_FAR, **me()})
    )
    lab = lab_in(tmp_path)
    states = {"head": {"state": "running", "reason": ""}}
    monkeypatch.setattr(SupervisorProcess, "states", lambda _: states)
    journal = Journal(lab.config_path)
    journal.record("observed", time="2026-01-01T00:00:01", node="worker-1", state="lost", reason="silent")
    journal.record("begin", time="2026-01-01T00:00:03", operation="start <b>cluster</b>")
    with journal.path.open("a") as file:
        file.write('{"time": "2026')
    (tmp_path / FILE).write_text('{"time": "2026')
    watcher = Watcher(lab)
    watcher.start()
    watcher.stop()
    return {**watcher.snapshot(), "faults": [{"kind": "frozen", "targets": ["worker-1"], "on_link": False}]}


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

    lab = lab_in(tmp_path)
    lab.status = broken  # type: ignore[method-assign]
    watcher = Watcher(lab)
    watcher.start()
    watcher.stop()
    assert watcher.snapshot()["problem"] == "no such lab any more"
    assert watcher.snapshot()["run"] == {}


def test_a_run_whose_process_is_no_more_was_killed(tmp_path: Path) -> None:
    watcher = Watcher(lab_in(tmp_path))
    told = {}
    for began in (me()["began"], me()["began"] - 100):
        (tmp_path / RUN).write_text(json.dumps({**SO_FAR, **me(), "began": began}))
        told[began] = watcher.snapshot()["run"]["killed"]
    assert list(told.values()) == [False, True]


def test_of_a_lab_that_was_taken_down_the_last_is_kept(tmp_path: Path) -> None:
    directory = tmp_path / "lab-x"
    directory.mkdir()
    (directory / RUN).write_text(json.dumps({"suite": "Failure", **SO_FAR, **me()}))
    watcher = Watcher(lab_in(directory))
    watcher.snapshot()
    shutil.rmtree(directory)
    state = watcher.snapshot()
    assert state["problem"].startswith("The lab was taken down.")
    assert (state["run"]["suite"], state["run"]["ended"], state["faults"]) == ("Failure", True, [])


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


def test_a_browser_shows_nodes_fault_test_and_events_and_what_changes(
    server: WatchServer, state: dict[str, Any]
) -> None:
    with chromium() as browser, opened(browser, server.url, "wide", dark=False) as (page, asked):
        page.get_by_text("Failure: test 2 of 9 (1 passed): Nodes \u2192 Cut").wait_for()
        assert page.get_by_text("frozen", exact=True).is_visible()
        assert "cable unplugged  frozen" in page.locator("#picture").inner_html()
        assert page.locator("#faults li").inner_text() == "frozen on worker-1"
        assert page.get_by_text("begin start <b>cluster</b>").is_visible()
        assert page.locator("#dashboard").get_attribute("href") == "http://127.0.0.1:8265/"
        assert page.locator("line[stroke-dasharray]").count() == 1
        state["faults"] = []
        state["run"] = {**state["run"], "killed": True}
        page.get_by_text("Failure: killed in test 2 of 9; 1 passed.").wait_for()
        assert page.locator("#faults li").inner_text() == "none"
        server.shutdown()
        server.server_close()
        page.get_by_text("does not answer any more").wait_for()
        assert {urlsplit(address).netloc for address in asked} == {urlsplit(server.url).netloc}


@pytest.mark.parametrize(("screen", "dark"), [("wide", True), ("phone", False)])
def test_the_page_is_accessible_and_fits(server: WatchServer, screen: str, dark: bool) -> None:
    with chromium() as browser, opened(browser, server.url, screen, dark=dark) as (page, _):
        page.get_by_text("Failure: test 2 of 9").wait_for()
        assert inaccessible(page) == []
        assert too_wide(page) <= 0
