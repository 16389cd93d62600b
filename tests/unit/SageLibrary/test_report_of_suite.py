"""The page that plain robot leaves: every test is on it, also one without a lab; a dry run leaves none."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from robot import run as robot

from SageLibrary.listeners.recorder import HISTORY
from SageLibrary.report.page import FILE
from tests.support.pages import Page

SUITE = """*** Settings ***
Library    SageLibrary

*** Test Cases ***
Needs No Machine
    No Operation

Has No Lab
    Run On Node    head    true
"""


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    path = tmp_path / "config.robot"
    path.write_text(SUITE)
    return path


def test_tests_without_a_lab_are_on_the_page(suite: Path, tmp_path: Path) -> None:
    robot(str(suite), outputdir=str(tmp_path / "out"), console="none", output=None, log=None, report=None)
    page = Page((tmp_path / "out" / FILE).read_text(encoding="utf-8")).text
    assert "Failed: 1 of 2 tests passed, 1 failed." in page
    assert "Needs No Machine" in page
    assert "there is no lab yet" in page
    assert f"robot --test 'Has No Lab' {os.path.relpath(suite)}" in page


def test_a_dry_run_leaves_no_page_and_no_history(suite: Path, tmp_path: Path) -> None:
    robot(str(suite), outputdir=str(tmp_path / "out"), console="none", output=None, dryrun=True)
    assert not (tmp_path / "out" / FILE).exists()
    assert not (tmp_path / "out" / HISTORY).exists()
