"""The trend on the page: a line for what at least two runs know."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from SageLibrary.report import trend
from SageLibrary.report.page import page
from tests.support.pages import SVG, texts, titles
from tests.support.recorded_runs import NOWHERE, a_test, past, run_of


def test_a_trend_is_drawn_of_what_two_runs_know() -> None:
    charts = trend.charts([past(4, 2.0), past(2, None), past(3, 1.0)])
    pictures = {chart.title: trend.draw(chart) for chart in charts}
    assert list(pictures) == ["Tests passed", "Noticed, median of all faults"]
    root = ET.fromstring(pictures["Tests passed"])
    heights = [float(dot.get("cy", 0)) for dot in root.iter(f"{SVG}circle")]
    top, base = float(trend.TOP), float(trend.HEIGHT - trend.BOTTOM)
    assert heights == pytest.approx([top, (top + base) / 2, top + (base - top) / 4], abs=0.1)
    assert "75%" in texts(root)
    assert titles(ET.fromstring(pictures["Noticed, median of all faults"]))[1:] == ["t: 2 s", "t: 1 s"]


def test_one_run_is_no_trend() -> None:
    assert trend.charts([past(4, 1.0)]) == []
    assert "no earlier run" in page(run_of(a_test()), [], NOWHERE)
