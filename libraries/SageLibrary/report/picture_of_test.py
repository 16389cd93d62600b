"""What happened in one test, as the picture of its nodes over time, with a place that links lead to."""

from __future__ import annotations

from html import escape

from SageLibrary.recording.run import RecordedTest
from SageLibrary.report.lanes import draw


def picture(number: int, test: RecordedTest) -> str:
    """The timeline of the test that is this one of its run, counted from 0."""
    drawn = draw(test.recording, f"States of the nodes in {test.name}", f"test-{number}")
    torn = test.recording.unreadable
    warning = f'<p class="failed">{torn} lines of the event files could not be read.</p>' if torn else ""
    shown = drawn or '<p class="quiet">No node was seen in this test.</p>'
    label = escape(f"Timeline of {test.name}")
    return (
        f'{warning}<div class="wide timeline" id="test-{number}" tabindex="0" role="region" aria-label="{label}">'
        f"{shown}</div>"
    )
