"""The timeline is a well-formed picture with a lane for each node."""

from __future__ import annotations

import threading
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from sage_cluster import NodeState
from sage_lab import Lab
from sage_lab.faults import events
from SageLibrary import SageLibrary
from SageLibrary.observers.timeline import COLOURS, UNKNOWN, WIDTH, Timeline
from SageLibrary.recording.recording import Asked

SVG = "{http://www.w3.org/2000/svg}"


def picture(timeline: Timeline) -> ET.Element:
    return ET.fromstring(timeline.svg())


def hints(root: ET.Element) -> list[str]:
    return [title.text or "" for title in root.findall(f"{SVG}rect/{SVG}title")]


def lanes(root: ET.Element) -> dict[str, list[ET.Element]]:
    """The bars of each node, by the node's name in their hints."""
    found: dict[str, list[ET.Element]] = {}
    for bar in root.findall(f"{SVG}rect"):
        title = bar.find(f"{SVG}title")
        if title is not None:
            found.setdefault((title.text or "").partition(":")[0], []).append(bar)
    return found


def test_nothing_seen_is_no_picture() -> None:
    timeline = Timeline()
    timeline.mark("a test")
    assert timeline.svg() == ""


def test_each_node_has_one_lane_of_its_own_with_its_states_in_order() -> None:
    timeline = Timeline()
    for node, state in [("head", "starting"), ("w1", "starting"), ("head", "running"), ("w1", "hung")]:
        timeline.record(node, state)
    found = lanes(picture(timeline))
    assert list(found) == ["head", "w1"]
    feet = {node: {int(bar.get("y", 0)) + int(bar.get("height", 0)) for bar in bars} for node, bars in found.items()}
    assert all(len(foot) == 1 for foot in feet.values())
    assert feet["head"] != feet["w1"]
    assert [bar.get("fill") for bar in found["head"]] == [COLOURS["starting"], COLOURS["running"]]
    assert [bar.get("fill") for bar in found["w1"]][-2:] == [COLOURS["starting"], COLOURS["hung"]]
    started, hung = (int(bar.get("height", 0)) for bar in found["w1"][-2:])
    assert hung < started, "who sees no colours could not tell them apart"


def test_a_state_lasts_until_the_next() -> None:
    timeline = Timeline()
    for state in ("starting", "running", "stopped"):
        timeline.record("head", state)
        threading.Event().wait(0.03)
    bars = lanes(picture(timeline))["head"]
    for one, after in pairwise(bars):
        assert float(one.get("x", 0)) + float(one.get("width", 0)) == pytest.approx(float(after.get("x", 0)), abs=0.2)
    assert sum(float(bar.get("width", 0)) for bar in bars) == pytest.approx(WIDTH, abs=5)


@pytest.mark.parametrize("state", [s.value for s in NodeState])
def test_every_state_of_a_node_has_a_colour(state: str) -> None:
    timeline = Timeline()
    timeline.record("head", state)
    (bar,) = lanes(picture(timeline))["head"]
    assert bar.get("fill") == COLOURS[state] != UNKNOWN


def test_an_unknown_state_is_drawn_and_told() -> None:
    timeline = Timeline()
    timeline.record("head", "starting failed")
    root = picture(timeline)
    assert lanes(root)["head"][0].get("fill") == UNKNOWN
    assert "starting failed" in [text.text for text in root.findall(f"{SVG}text")]


def test_names_are_escaped() -> None:
    name = "<script>alert('x')</script> & \"w\""
    timeline = Timeline()
    timeline.record(name, "<b>")
    timeline.mark("</svg>")
    root = picture(timeline)
    assert not root.findall(f".//{SVG}script")
    assert name in [text.text for text in root.findall(f"{SVG}text")]
    assert hints(root)[0].startswith(f"{name}: <b>, ")
    assert (root.findtext(f"{SVG}g/{SVG}title") or "").startswith("</svg>, at ")


def test_tests_are_marked_in_order() -> None:
    timeline = Timeline()
    timeline.mark("first")
    timeline.record("head", "running")
    timeline.mark("second")
    marks = picture(timeline).findall(f"{SVG}g")
    assert [(mark.findtext(f"{SVG}title") or "").partition(",")[0] for mark in marks] == ["first", "second"]
    assert [mark.findtext(f"{SVG}text") for mark in marks] == ["1", "2"]


def test_clearing_begins_anew() -> None:
    timeline = Timeline()
    timeline.record("head", "running")
    timeline.mark("x")
    timeline.clear()
    timeline.record("w1", "stopped")
    root = picture(timeline)
    assert list(lanes(root)) == ["w1"]
    assert not root.findall(f"{SVG}g")


def test_sights_from_many_threads_are_all_kept() -> None:
    timeline = Timeline()

    def record(number: int) -> None:
        for state in range(50):
            timeline.record(f"n{number}", str(state))

    threads = [threading.Thread(target=record, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seen = {name: [bar for bar in bars if bar.get("fill") != "none"] for name, bars in lanes(picture(timeline)).items()}
    assert {name: len(bars) for name, bars in seen.items()} == {f"n{n}": 50 for n in range(8)}


def test_what_a_row_asked_of_a_fault_and_whether_it_failed_stand_with_the_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = SageLibrary()
    timeline = library.stage.timeline

    def up(*_: object, **__: object) -> Lab:
        timeline.ask("late", noticed=3, repaired=4)
        raise AssertionError("it was noticed after 9 s")

    monkeypatch.setattr(Lab, "up", up)
    for fault in ("in time", "late", "unasked"):
        events.write(tmp_path, "inject", fault, "isolated", ("w1",))
    timeline.ask("in time", noticed=1, repaired=2)
    with pytest.raises(AssertionError, match="9 s"):
        library.run_keyword("bring_the_lab_up", [2])
    recording = timeline.recording(begin=0, faults=tmp_path / "faults.jsonl")
    assert {fault.id: fault.asked for fault in recording.faults} == {
        "in time": Asked(1, 2),
        "late": Asked(3, 4, failed=True),
        "unasked": None,
    }
