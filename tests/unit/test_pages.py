"""The pages that people read: valid HTML by html5lib, and accessible by axe in a real browser."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
import sys
import threading
from importlib.resources import files
from pathlib import Path
from typing import Any

import html5lib
import pytest

sys.path.append(str(Path(__file__).parent / "SageLibrary"))
from test_report_failures import failed
from test_report_page import a_test, run_of

from sage_lab.model import LabNode, NodeHealth
from sage_lab.watch.server import WatchServer
from SageLibrary.report.page import page
from SageLibrary.report.verdict import Outcome

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
QUIET = ("--no-first-run", "--disable-background-networking", "--disable-sync", "--disable-quic", "--disable-gpu")
AXE = """<script>%s</script><script>
setTimeout(() => axe.run(document, { resultTypes: ["violations"] }).then((found) => {
  const said = document.createElement("pre");
  said.id = "axe-found";
  said.textContent = JSON.stringify(found.violations.map((one) => [one.id, one.impact, one.nodes[0].html]));
  document.body.append(said);
}), 1500);
</script></body>"""
NODE = NodeHealth.of(LabNode("head", "head", "198.18.0.10", "198.18.1.10"), state="running", ssh=True, plugged=True)
WATCHED: dict[str, Any] = {
    "lab": "lab-x",
    "problem": "",
    "nodes": [NODE.as_dict()],
    "supervisor": {"head": {"state": "lost"}},
    "faults": [{"kind": "frozen", "targets": ["head"]}],
    "run": {},
    "events": [{"time": "2026-01-01T00:00:01", "node": "head", "text": "observed lost"}],
}


def run_page(results: Path) -> str:
    green = {"time": "2026-01-01", "seconds": {"One": 1.0}}
    return page(run_of(a_test(), failed(), a_test(Outcome.SKIPPED, "Two")), [], results, green)


def watch_page() -> str:
    return files("sage_lab.watch").joinpath("page.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("which", ["run", "watch"])
def test_pages_are_valid_html(which: str, tmp_path: Path) -> None:
    parser = html5lib.HTMLParser()
    parser.parse(run_page(tmp_path) if which == "run" else watch_page())
    assert not parser.errors


def violations(url: str, directory: Path) -> list[list[str]]:
    """What axe finds wrong with a page that ends with its script: rule, impact, the first place."""
    command = [str(CHROMIUM), "--headless", "--no-sandbox", *QUIET, f"--user-data-dir={directory}/chromium"]
    done = subprocess.run(
        [*command, "--virtual-time-budget=15000", "--dump-dom", url],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    said = re.search(r'<pre id="axe-found">(.*?)</pre>', done.stdout, re.DOTALL)
    assert said, f"axe did not come to an end: {done.stdout[-500:]}"
    found: list[list[str]] = json.loads(html.unescape(said[1]))
    return found


def with_axe(text: str) -> str:
    return text.replace("</body>", AXE % files("axe_core_python").joinpath("axe.min.js").read_text(encoding="utf-8"))


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")
def test_the_run_page_is_accessible(tmp_path: Path) -> None:
    (tmp_path / "run.html").write_text(with_axe(run_page(tmp_path)), encoding="utf-8")
    assert violations(f"file://{tmp_path}/run.html", tmp_path) == []


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")
def test_the_live_page_is_accessible(tmp_path: Path) -> None:
    with WatchServer(0, lambda: WATCHED, "http://127.0.0.1:8265/") as server:
        server.page = with_axe(watch_page()).encode()
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        found = violations(server.url, tmp_path)
        server.shutdown()
        thread.join()
    assert found == []
