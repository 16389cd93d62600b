"""The page and its pictures: well-formed, self-contained, escaped, and saying what the figures say."""

from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest

from SageLibrary.recording.recording import Fault, Mark, Operation, Recording, Sight
from SageLibrary.recording.run import RecordedTest
from SageLibrary.recording.verdict import Outcome
from SageLibrary.report.lanes import STRIP, WIDTH, draw
from SageLibrary.report.page import headline, page
from tests.support.pages import SVG, Page, texts, titles
from tests.support.recorded_runs import NOWHERE, a_test, recording, run_of

NASTY = "<script>alert(\"1\")</script> & 'x'"


def test_a_fault_is_a_band_over_its_lane_from_injection_to_healing() -> None:
    root = ET.fromstring(draw(recording(), ident="x"))
    (band,) = [rect for rect in root.iter(f"{SVG}rect") if rect.get("fill") == "url(#hatch-x)"]
    assert root.find(f"{SVG}defs/{SVG}pattern[@id='hatch-x']") is not None
    (w1, *_) = [rect for rect in root.findall(f"{SVG}rect") if (rect.findtext(f"{SVG}title") or "").startswith("w1:")]
    left = float(w1.get("x", 0))
    assert float(band.get("x", 0)) == pytest.approx(left + WIDTH * 0.2, abs=0.1)
    assert float(band.get("width", 0)) == pytest.approx(WIDTH * 0.2, abs=0.1)
    assert band.get("y") == w1.get("y")
    assert "1 raylet killed" in texts(root)


def test_the_three_times_stand_beside_the_lane_with_their_verdict() -> None:
    (beside,) = [text for text in texts(ET.fromstring(draw(recording()))) if "noticed 0" in text]
    assert beside == "1 noticed 0.10 s, decided \N{EN DASH}, repaired 10.0 s in time"
    (beside,) = [text for text in texts(ET.fromstring(draw(recording(noticed=0.3)))) if "noticed 0" in text]
    assert beside.endswith("over budget")


def test_tooltips_say_what_and_when() -> None:
    said = titles(ET.fromstring(draw(recording(), "Of a test")))
    assert said[0] == "Of a test"
    assert "w1: cut off, 25.0 s to 30.0 s" in said
    assert "w1: the supervisor says lost, 20.1 s to 30.0 s" in said
    assert "repair w1: 21.0 s to 30.0 s" in said
    assert "fault 1 noticed after 0.10 s" in said
    assert "fault 1 repaired after 10.0 s" in said
    assert "fault 1, raylet killed, on w1: injected at 20.0 s, in effect at 21.0 s, healed at 40.0 s" in said


def test_the_bar_of_a_node_is_the_newest_word_on_it() -> None:
    """The tests look twice; meanwhile the supervisor notices twice that it is lost, and ends."""
    seen = (Sight("w1", "running", 10), Sight("w1", "stopped", 90))
    thought = [("running", 15), ("lost", 30), ("running", 50), ("lost", 60), ("", 70)]
    beliefs = tuple(Sight("w1", state, at) for state, at in thought)
    root = ET.fromstring(draw(Recording(0, 100, seen, beliefs)))
    bars = [rect for rect in root.findall(f"{SVG}rect") if float(rect.get("height", 0)) > STRIP]
    assert [bar.findtext(f"{SVG}title") for bar in bars] == [
        "w1: nobody looked, 0.0 s to 10.0 s",
        "w1: running, 10.0 s to 30.0 s",
        "w1: the supervisor says lost, 30.0 s to 50.0 s",
        "w1: the supervisor says running, 50.0 s to 60.0 s",
        "w1: the supervisor says lost, 60.0 s to 90.0 s",
        "w1: stopped, 90.0 s to 100.0 s",
    ]


def test_a_picture_takes_the_colour_of_its_page() -> None:
    root = ET.fromstring(draw(recording()))
    assert root.get("fill") == "currentColor"
    assert "background" not in (root.get("style") or "")
    assert all(text.get("fill") is None for text in root.iter(f"{SVG}text"))


def test_captions_of_faults_close_together_do_not_run_into_each_other() -> None:
    close = Recording(
        0,
        1000,
        sights=(Sight("w1", "running", 0),),
        faults=tuple(Fault(str(at), "raylet crash loop", ("w1",), at, at, at + 5) for at in (100, 110, 900)),
    )
    said = texts(ET.fromstring(draw(close)))
    assert "1" in said
    assert {"2 raylet crash loop", "3 raylet crash loop"} <= set(said)
    assert "1 raylet crash loop" not in said


def test_names_are_escaped_in_pictures() -> None:
    nasty = Recording(
        0,
        10,
        sights=(Sight(NASTY, NASTY, 0),),
        marks=(Mark(NASTY, 1),),
        operations=(Operation(NASTY, 0, 9),),
        faults=(Fault(NASTY, NASTY, (NASTY,), 2),),
    )
    root = ET.fromstring(draw(nasty, NASTY))
    assert not list(root.iter(f"{SVG}script"))
    assert NASTY in texts(root)
    assert f"{NASTY}: {NASTY}, 0.0 s to 10.0 s" in titles(root)


def test_a_page_is_well_formed_and_needs_nothing_else() -> None:
    html = page(run_of(a_test(), a_test(Outcome.FAILED, "Two")), [], NOWHERE)
    read = Page(html)
    assert read.open == []
    assert not read.tags & {"script", "link", "img", "iframe"}
    assert all(link[1:] in read.ids for link in read.links if link.startswith("#"))
    assert {link for link in read.links if not link.startswith("#")} == {"log.html"}
    assert "url(http" not in html
    assert "@import" not in html
    assert len(read.ids) == len(set(read.ids))


def test_a_page_escapes_names_and_messages() -> None:
    html = page(run_of(RecordedTest.of(NASTY, NASTY, Outcome.FAILED, NASTY, recording(NASTY))), [], NOWHERE)
    read = Page(html)
    assert "script" not in read.tags
    assert read.text.count(NASTY) >= 4


def test_the_table_has_the_times_their_budgets_and_a_verdict_in_words() -> None:
    late = a_test(Outcome.FAILED, of=recording("isolated", 6, (5, 60.5)))
    run = run_of(a_test(), late, a_test(of=recording("cpu hog", limits=None)))
    first = run.tests[0]
    run.tests[0] = replace(first, figures=[replace(first.figures[0], ray_noticed=11.0)])
    read = Page(page(run, [], NOWHERE))
    rows = {row[0]: row[1:9] for row in read.rows if len(row) == 10}
    assert rows["raylet killed"] == ["w1", "0.10 s", "0.2 s", "11.0 s", "\N{EN DASH}", "10.0 s", "30 s", "in time"]
    assert rows["isolated"] == [
        "w1",
        "6.00 s, over budget",
        "5 s",
        "\N{EN DASH}",
        "\N{EN DASH}",
        "10.0 s",
        "60.5 s",
        "over budget",
    ]
    assert rows["cpu hog"][2] == "none"
    assert rows["cpu hog"][7] == "no budget"


@pytest.mark.parametrize(
    ("tests", "sentence", "style"),
    [
        ([], "Inconclusive: no test was run.", "inconclusive"),
        ([a_test(Outcome.SKIPPED)], "Inconclusive: no test was run.", "inconclusive"),
        ([a_test()], "The test passed.", "passed"),
        ([a_test(), a_test(), a_test(Outcome.SKIPPED)], "All 2 tests passed.", "passed"),
        ([a_test(of=recording(noticed=1, limits=None))], "The test passed.", "passed"),
        (
            [a_test(Outcome.FAILED, of=recording(noticed=1)), a_test(), a_test(of=recording(limits=None))],
            "Failed: 2 of 3 tests passed, 1 failed; 1 of 2 faults over budget.",
            "failed",
        ),
        (
            [a_test(), a_test(Outcome.FAILED), a_test(Outcome.INFRA), a_test(Outcome.INCONCLUSIVE)],
            "Failed: 1 of 4 tests passed, 1 failed, 1 infra, 1 inconclusive.",
            "failed",
        ),
    ],
)
def test_the_headline_says_it_in_one_sentence(tests: list[RecordedTest], sentence: str, style: str) -> None:
    assert headline(run_of(*tests)) == (sentence, style)


def test_each_timeline_stands_on_the_page_once_the_bad_ones_first() -> None:
    html = page(run_of(a_test(), a_test(Outcome.FAILED, "Two")), [], NOWHERE)
    assert html.count('id="test-0"') == html.count('id="test-1"') == 1
    assert html.index('id="test-1"') < html.index('id="test-0"')


def test_in_a_long_run_only_what_went_wrong_lies_open() -> None:
    assert "<details open>" in page(run_of(a_test(), a_test(Outcome.FAILED, "Two")), [], NOWHERE)
    assert "<details open>" not in page(run_of(*[a_test(name=str(number)) for number in range(11)]), [], NOWHERE)


def test_a_summary_has_counts_and_medians() -> None:
    run = run_of(*(a_test(of=recording("isolated", noticed)) for noticed in (1, 2, 4)))
    summary = run.summary()
    assert (summary["tests"], summary["passed"], summary["faults"]) == (3, 3, 3)
    assert (summary["noticed"], summary["repaired"]) == (2, 10)
