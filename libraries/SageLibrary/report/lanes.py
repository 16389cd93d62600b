"""A recording as one inline SVG: a lane a node, its states, the faults over it and the times beside it.

Text and lines take the colour of the page they stand in, so the picture reads on a white page and on a dark one. Here
is what lies where, in pixels; ``timeline.html.j2`` draws it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from SageLibrary.recording.figures import Figures, measure
from SageLibrary.recording.recording import NOBODY, Mark, Operation, Recording, Sight
from SageLibrary.recording.run import RecordedTest
from SageLibrary.report import legend, wording
from SageLibrary.report.axis import Axis
from SageLibrary.report.colours import BAD, DOWN, GOOD, colour_of
from SageLibrary.report.frame import render

WIDTH = 760
RIGHT = 370
BAR = 20
STRIP = 5
CAPTION = 21  # above a bar: room for the triangle of "noticed" and over it the fault's name
LINE = 14
GAP = 8
LETTER = 6.4  # the width of a letter, roughly, in the pixels of the drawing


@dataclass(frozen=True)
class Bar:
    """A stretch of time, with what it says to whom points at it, its colour or the words in it.

    One without a colour is a time in which nobody looked; one that is low is no node at work, also for who sees no
    colours.
    """

    x: float
    width: float
    hint: str
    colour: str = ""
    words: str = ""
    low: bool = False


@dataclass(frozen=True)
class Moment:
    """A shape of the legend, ``level`` pixels below the top of a bar."""

    shape: str
    x: float
    level: float
    hint: str


@dataclass(frozen=True)
class Band:
    """A fault over a lane, with its words from ``words_x`` on; its times and verdict stand beside the lane."""

    bar: Bar
    words_x: float
    moments: list[Moment]
    times: str
    verdict: str
    colour: str


@dataclass(frozen=True)
class Lane:
    """One node's place: ``y`` is the top of its bar, ``top`` and ``end`` those of all that belongs to it."""

    node: str
    top: float
    y: float
    end: float
    states: list[Bar]
    beliefs: list[Bar]
    faults: list[Band]


@dataclass(frozen=True)
class Picture:
    """All of it, from ``top`` to ``bottom``, with the legend below."""

    title: str
    ident: str
    axis: Axis
    top: float
    bottom: float
    operations: list[Bar]
    lanes: list[Lane]
    marks: list[tuple[float, str]]
    legend: list[legend.Entry]
    height: float
    bar: ClassVar = BAR
    strip: ClassVar = STRIP
    line: ClassVar = LINE

    @property
    def width(self) -> float:
        """With the room for the times beside the lanes."""
        return self.axis.end + RIGHT


def draw(recording: Recording, title: str = "States of the nodes over time", ident: str = "t") -> str:
    """The picture, or an empty string when no node was seen. ``ident`` sets it apart from others on its page."""
    drawn = picture(recording, title, ident)
    return render("timeline", picture=drawn) if drawn else ""


def of_test(number: int, test: RecordedTest) -> Picture | None:
    """The picture of the test that is this one of its run, counted from 0; None when no node was seen in it."""
    return picture(test.recording, f"States of the nodes in {test.name}", f"test-{number}")


def picture(recording: Recording, title: str, ident: str) -> Picture | None:
    """What lies where; None when no node was seen."""
    nodes = recording.nodes
    if not nodes:
        return None
    left = 24 + max(LETTER * 1.15 * len(node) for node in (*nodes, "operations"))
    axis = Axis(left, WIDTH, recording.begin, recording.end)
    figures = measure(recording)
    top = y = 10.0 + LINE * bool(recording.marks)
    if recording.operations:
        y += BAR + GAP
    lanes: list[Lane] = []
    for node in nodes:
        lanes.append(_lane(node, recording, [figure for figure in figures if node in figure.nodes], axis, y))
        y = lanes[-1].end + GAP
    entries, height = legend.entries(recording, figures, left, y + 34)
    operations = _operations(recording.operations, axis)
    marks = [_mark(mark, axis) for mark in recording.marks]
    return Picture(title, ident, axis, top, y, operations, lanes, marks, entries, height)


def _lane(node: str, recording: Recording, faults: list[Figures], axis: Axis, top: float) -> Lane:
    y = top + CAPTION * bool(faults)
    end = max(y + BAR + STRIP + 3, top + LINE * len(faults))
    seen = [sight for sight in recording.sights if sight.node == node]
    thought = [belief for belief in recording.beliefs if belief.node == node]
    following = [*(fault.fault.injected for fault in faults), recording.end][1:]
    return Lane(
        node,
        top,
        y,
        end,
        _bars(_known(Sight(node, NOBODY, recording.begin), seen, thought), axis),
        [bar for bar in _bars(_said(thought), axis) if bar.colour],
        [_band(figure, node, axis, until) for figure, until in zip(faults, following, strict=True)],
    )


def _said(beliefs: Iterable[Sight]) -> list[tuple[Sight, str]]:
    return [(belief, "the supervisor says ") for belief in beliefs]


def _known(nothing: Sight, seen: Iterable[Sight], thought: Iterable[Sight]) -> list[tuple[Sight, str]]:
    """The newest observation of a node, whoever made it: the tests when they looked, the supervisor when it noticed."""
    known = [(nothing, "")]
    said = [*((sight, "") for sight in seen), *_said(belief for belief in thought if belief.state != NOBODY)]
    for sight, saying in sorted(said, key=lambda one: one[0].at):
        if known[-1][0].at == sight.at:
            known.pop()
        if not known or known[-1][0].state != sight.state:
            known.append((sight, saying))
    return known


def _bars(said: Sequence[tuple[Sight, str]], axis: Axis) -> list[Bar]:
    bars = []
    for (sight, saying), until in zip(said, [*(sight.at for sight, _ in said), axis.last][1:], strict=True):
        state = f"{saying}{wording.plain(sight.state)}" if sight.state != NOBODY else "nobody looked"
        hint = f"{sight.node}: {state}, {axis.told(sight.at)} to {axis.told(until)}"
        x, colour = axis.x(sight.at), "" if sight.state == NOBODY else colour_of(sight.state)
        bars.append(Bar(x, max(axis.x(until) - x, 1.0), hint, colour, low=sight.state in DOWN))
    return bars


def _band(figure: Figures, node: str, axis: Axis, following: float) -> Band:
    fault = figure.fault
    x, end = axis.x(fault.injected), axis.x(axis.last if fault.healed is None else fault.healed)
    hint = (
        f"fault {figure.number}, {fault.kind}, on {', '.join(fault.targets)}: injected at {axis.told(fault.injected)}, "
        + ("it did not take effect" if fault.ineffective else f"in effect at {axis.told(fault.effective)}")
        + f", healed at {axis.told(fault.healed)}"
    )
    words = f"{figure.number} {fault.kind}" + " (no effect)" * fault.ineffective
    # A caption that would run into the next one keeps only its number; the figures beside the lane have the name.
    if following < axis.last and x + LETTER * len(words) > axis.x(following):
        words = str(figure.number)
    verdict, kept = wording.verdict(figure)
    return Band(
        Bar(x, max(end - x, 3.0), hint, words=words),
        min(x, axis.end - LETTER * len(words)),
        _moments(figure, node, axis),
        f"{figure.number} {wording.beside(figure, node)}",
        verdict,
        GOOD if kept else BAD,
    )


def _moments(figure: Figures, node: str, axis: Axis) -> list[Moment]:
    begin, times = figure.fault.struck_at(node), figure.nodes[node]
    shown = (
        ("noticed", "noticed", times.noticed, 0),
        ("repair decided", "repair decided", times.decided, BAR / 2),
        ("repaired", "repaired", times.repaired, BAR),
        ("given up", "given up (quarantine)", times.quarantined, BAR / 2),
    )
    return [
        Moment(shape, axis.x(begin + after), level, f"fault {figure.number} {what} after {wording.seconds(after)}")
        for shape, what, after, level in shown
        if after is not None and begin + after >= axis.first
    ]


def _operations(operations: Sequence[Operation], axis: Axis) -> list[Bar]:
    bars = []
    free = axis.left
    for operation in operations:
        until = axis.last if operation.end is None else operation.end
        x, width = axis.x(operation.begin), max(axis.x(until) - axis.x(operation.begin), 1.5)
        ended = axis.told(operation.end) if operation.end is not None else "no end recorded"
        has_room = x >= free and LETTER * len(operation.name) <= width
        free = x + width if has_room else free
        hint = f"{operation.name}: {axis.told(operation.begin)} to {ended}"
        bars.append(Bar(x, width, hint, words=operation.name if has_room else ""))
    return bars


def _mark(mark: Mark, axis: Axis) -> tuple[float, str]:
    return axis.x(mark.at), f"{mark.text}, at {axis.told(mark.at)}"
