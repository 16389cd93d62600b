"""A headless browser for tests of pages, and what says whether a page is valid and accessible."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import html5lib
import pytest

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
OPTIONS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-sync"),
)
VALIDATOR = Path(__file__).parents[2] / ".venv" / "vnu" / "node_modules" / "vnu-jar" / "build" / "dist" / "vnu.jar"
SCREENS = {"wide": (1360, 900), "phone": (390, 844)}


@contextmanager
def chromium() -> Iterator[Any]:
    """The system's Chromium under Playwright; the test is skipped where either is missing."""
    playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("no Chromium is installed")
    with playwright.sync_playwright() as tools:
        browser = tools.chromium.launch(executable_path=CHROMIUM, args=list(OPTIONS))
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def opened(browser: Any, address: str, screen: str, *, dark: bool) -> Iterator[tuple[Any, list[str]]]:
    """A page on a screen, and the addresses that it asked for, itself first.

    With SCREENSHOTS in the environment a picture of it goes to that directory.
    """
    width, height = SCREENS[screen]
    context = browser.new_context(color_scheme="dark" if dark else "light", viewport={"width": width, "height": height})
    page, asked = context.new_page(), []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(address)
    try:
        yield page, asked
        if directory := os.environ.get("SCREENSHOTS"):
            name = f"{Path(address).stem or 'watch'}-{screen}-{'dark' if dark else 'light'}.png"
            page.screenshot(path=str(Path(directory) / name), full_page=True)
    finally:
        context.close()


def too_wide(page: Any) -> int:
    """By how many pixels the page is wider than its screen."""
    return int(page.evaluate("document.documentElement.scrollWidth - window.innerWidth"))


def inaccessible(page: Any) -> list[str]:
    """What axe finds against the page: the rule, and the first element that breaks it."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed").Axe()
    return [f"{found['id']}: {found['nodes'][0]['html']}" for found in axe.run(page).response["violations"]]


def parse_errors(html: str) -> list[str]:
    """Where the page is not HTML as its specification has it."""
    parser = html5lib.HTMLParser()
    parser.parse(html)
    return [f"{place}: {code}" for place, code, _ in parser.errors]


def invalid(*pages: Path) -> list[str]:
    """What the Nu Html Checker finds; the test is skipped where it or Java is missing."""
    if shutil.which("java") is None or not VALIDATOR.exists():
        pytest.skip("no Java, or no vnu.jar: provision/controller/install.sh dev gets it where npm is installed")
    command = ["java", "-jar", str(VALIDATOR), "--stdout", "--format", "gnu", "--errors-only", *map(str, pages)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode in {0, 1}, done.stderr
    return done.stdout.splitlines()
