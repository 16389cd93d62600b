"""The page in every state: valid HTML, accessible, no wider than its screen, and nothing is asked of a network."""

from __future__ import annotations

from pathlib import Path

import pytest

from SageLibrary import live
from tests.support.browser import chromium, inaccessible, invalid, opened, parse_errors, too_wide
from tests.support.report_states import pages

STATES = ("green", "failure", "infra", "inconclusive", "no history", "no test", "sixty tests", "flaky")


LOOKED_AT = {"wide": ("green", "failure", "flaky"), "phone": ("failure", "infra", "no history")}
LIVE = Path(live.__file__).with_name("page.html")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    directory = tmp_path_factory.mktemp("pages")
    made = {name: directory / f"{name.replace(' ', '-')}.html" for name in STATES}
    for name, html in pages(directory).items():
        made[name].write_text(html, encoding="utf-8")
    return made


@pytest.mark.parametrize("state", STATES)
def test_it_is_html_by_the_specification(files: dict[str, Path], state: str) -> None:
    assert parse_errors(files[state].read_text(encoding="utf-8")) == []


def test_the_check_finds_what_is_no_html() -> None:
    assert parse_errors("<!DOCTYPE html><p><b>no end<p id=a id=b>") != []


def test_the_live_page_is_html_by_the_specification() -> None:
    assert parse_errors(LIVE.read_text(encoding="utf-8")) == []


def test_the_validator_finds_nothing(files: dict[str, Path]) -> None:
    """In one test, for one start of Java; between them these have every part that a page can have."""
    assert invalid(files["failure"], files["no test"], files["flaky"], LIVE) == []


def test_a_browser_shows_it_on_every_screen(files: dict[str, Path]) -> None:
    """In one test, for one start of the browser; light on a wide screen, dark on a telephone's."""
    problems = []
    with chromium() as browser:
        for screen, state in ((screen, state) for screen, states in LOOKED_AT.items() for state in states):
            with opened(browser, files[state].as_uri(), screen, dark=screen == "phone") as (page, asked):
                found = inaccessible(page)
                found += [f"{pixels} pixels too wide" for pixels in [too_wide(page)] if pixels > 0]
                found += [f"asks for {address}" for address in asked[1:]]
                problems += [f"{state}, {screen}: {problem}" for problem in found]
    assert problems == []


def test_a_link_to_a_test_opens_its_timeline(files: dict[str, Path]) -> None:
    with chromium() as browser, opened(browser, files["sixty tests"].as_uri(), "wide", dark=False) as (page, _):
        assert too_wide(page) <= 0
        picture = page.locator("#test-0 > svg")
        assert not picture.is_visible()
        page.locator("a[href='#test-0']").first.click()
        assert picture.is_visible()
