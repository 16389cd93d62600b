"""A recording as one inline SVG: a lane a node, its states, the faults over it and the times beside it.

Text and lines take the colour of the page they stand in, so the picture reads on a white page and on a dark one.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

from SageLibrary.recording.figures import Figures, Times, measure
from SageLibrary.recording.recording import NOBODY, Recording, Sight
from SageLibrary.report import legend, wording
from SageLibrary.report.axis import Axis
from SageLibrary.report.colours import BAD, GOOD, colour_of

WIDTH = 760
RIGHT = 370
BAR = 20
STRIP = 5
CAPTION = 21  # above a bar: room for the triangle of "noticed" and over it the fault's name
LINE = 14
GAP = 8
LETTER = 6.4  # the width of a letter, roughly, in the pixels of the drawing


@dataclass(frozen=True)
class Lane:
    """One node's place: ``y`` is the top of its bar; ``end`` the bottom of all that belongs to it."""

    node: str
    y: float
    end: float


def draw(recording: Recording, title: str = "States of the nodes over time", ident: str = "t") -> str:
    """The picture, or an empty string when no node was seen. ``ident`` sets it apart from others on its page."""
    nodes = recording.nodes
    if not nodes:
        return ""
    left = 24 + max(LETTER * 1.15 * len(node) for node in (*nodes, "operations"))
    axis = Axis(left, WIDTH, recording.begin, recording.end)
    figures = measure(recording)
    hatch = f"hatch-{ident}"
    parts: list[str] = []
    y = 10.0 + LINE * bool(recording.marks)
    top = y
    if recording.operations:
        parts += _operations(recording, axis, y)
        y += BAR + GAP
    lanes: list[Lane] = []
    for node in nodes:
        own = [figure for figure in figures if node in figure.nodes]
        bar = y + CAPTION * bool(own)
        lane = Lane(node, bar, max(bar + BAR + STRIP + 3, y + LINE * len(own)))
        lanes.append(lane)
        parts += _states(recording, lane, axis, left)
        parts += _beliefs(recording, lane, axis)
        for index, figure in enumerate(own):
            following = own[index + 1].fault.injected if index + 1 < len(own) else recording.end
            parts += _fault(figure, lane, axis, hatch, following)
            parts.append(_beside(figure, node, axis.end + 12, y + LINE * index + 13))
        y = lane.end + GAP
    parts += _marks(recording, axis, top, y)
    parts += axis.ticks(top, y)
    below, height = legend.draw(recording, figures, left, y + 34)
    width = left + WIDTH + RIGHT
    return "".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
            f'viewBox="0 0 {width:.0f} {height:.0f}" style="max-width:100%;height:auto" '
            'font-family="sans-serif" font-size="12" fill="currentColor" role="img">',
            f"<title>{escape(title)}</title>",
            f'<defs><pattern id="{escape(hatch)}" width="7" height="7" patternUnits="userSpaceOnUse" '
            'patternTransform="rotate(45)"><line x1="0" y1="0" x2="0" y2="7" stroke="#111" stroke-width="3" '
            'stroke-opacity="0.55"/></pattern></defs>',
            *parts,
            *below,
            "</svg>",
        ]
    )


def _states(recording: Recording, lane: Lane, axis: Axis, left: float) -> list[str]:
    parts = [f'<text x="{left - 10:.0f}" y="{lane.y + 15:.0f}" text-anchor="end">{escape(lane.node)}</text>']
    seen = [sight for sight in recording.sights if sight.node == lane.node]
    if not seen or seen[0].at > recording.begin:
        until = seen[0].at if seen else recording.end
        width = axis.x(until) - axis.x(recording.begin)
        parts.append(
            f'<rect x="{left:.1f}" y="{lane.y:.0f}" width="{width:.1f}" height="{BAR}" fill="none" '
            'stroke="currentColor" stroke-opacity="0.35" stroke-dasharray="2 3"/>'
        )
    return parts + _bars(seen, lane.node, axis, lane.y, BAR, "")


def _beliefs(recording: Recording, lane: Lane, axis: Axis) -> list[str]:
    thought = [belief for belief in recording.beliefs if belief.node == lane.node]
    return _bars(thought, lane.node, axis, lane.y + BAR + 2, STRIP, "the supervisor says ")


def _bars(sights: list[Sight], node: str, axis: Axis, y: float, height: int, saying: str) -> list[str]:
    parts = []
    for sight, until in zip(sights, [*(s.at for s in sights), axis.last][1:], strict=True):
        if sight.state == NOBODY:
            continue
        hint = f"{node}: {saying}{sight.state.replace('_', ' ')}, {axis.told(sight.at)} to {axis.told(until)}"
        parts.append(
            f'<rect x="{axis.x(sight.at):.1f}" y="{y:.0f}" width="{max(axis.x(until) - axis.x(sight.at), 1.0):.1f}" '
            f'height="{height}" fill="{colour_of(sight.state)}"><title>{escape(hint)}</title></rect>'
        )
    return parts


def _fault(figure: Figures, lane: Lane, axis: Axis, hatch: str, following: float) -> list[str]:
    fault, times = figure.fault, figure.nodes[lane.node]
    until = axis.last if fault.healed is None else fault.healed
    x, end = axis.x(fault.injected), axis.x(until)
    hint = (
        f"fault {figure.number}, {fault.kind}, on {', '.join(fault.targets)}: injected at {axis.told(fault.injected)}, "
        + ("it did not take effect" if fault.ineffective else f"in effect at {axis.told(fault.effective)}")
        + f", healed at {axis.told(fault.healed)}"
    )
    caption = f"{figure.number} {fault.kind}"
    if fault.ineffective:
        caption += " (no effect)"
    # A caption that would run into the next one keeps only its number; the figures beside the lane have the name.
    if following < axis.last and x + LETTER * len(caption) > axis.x(following):
        caption = str(figure.number)
    at = min(x, axis.end - LETTER * len(caption))
    parts = [
        f'<g><title>{escape(hint)}</title><rect x="{x:.1f}" y="{lane.y:.0f}" width="{max(end - x, 3.0):.1f}" '
        f'height="{BAR}" fill="url(#{escape(hatch)})" stroke="currentColor" stroke-width="1.5"/>'
        f'<text x="{at:.1f}" y="{lane.y - 8:.0f}" font-size="11">{escape(caption)}</text></g>'
    ]
    return parts + _moments(figure, times, lane, axis)


def _moments(figure: Figures, times: Times, lane: Lane, axis: Axis) -> list[str]:
    begin, number = figure.fault.struck_at(lane.node), figure.number
    top, middle, bottom = lane.y, lane.y + BAR / 2, lane.y + BAR
    shown = (
        ("noticed", times.noticed, legend.noticed, top),
        ("repair decided", times.decided, legend.decided, middle),
        ("repaired", times.repaired, legend.repaired, bottom),
        ("given up (quarantine)", times.quarantined, legend.given_up, middle),
    )
    return [
        f"<g><title>{escape(f'fault {number} {what} after {wording.seconds(after)}')}</title>"
        f"{shape(axis.x(begin + after), y)}</g>"
        for what, after, shape, y in shown
        if after is not None and begin + after >= axis.first
    ]


def _beside(figure: Figures, node: str, x: float, y: float) -> str:
    told = f"{figure.number} {wording.beside(figure, node)}"
    verdict, kept = wording.verdict(figure)
    part = ""
    if verdict:
        part = f'<tspan fill="{GOOD if kept else BAD}" font-weight="bold"> {escape(verdict)}</tspan>'
    return f'<text x="{x:.0f}" y="{y:.0f}" font-size="11">{escape(told)}{part}</text>'


def _operations(recording: Recording, axis: Axis, y: float) -> list[str]:
    parts = [f'<text x="{axis.left - 10:.0f}" y="{y + 15:.0f}" text-anchor="end" opacity="0.75">operations</text>']
    free = axis.left
    for operation in recording.operations:
        until = axis.last if operation.end is None else operation.end
        x, width = axis.x(operation.begin), max(axis.x(until) - axis.x(operation.begin), 1.5)
        ended = axis.told(operation.end) if operation.end is not None else "no end recorded"
        parts.append(
            f"<g><title>{escape(f'{operation.name}: {axis.told(operation.begin)} to {ended}')}</title>"
            f'<rect x="{x:.1f}" y="{y:.0f}" width="{width:.1f}" height="{BAR}" '
            'fill="currentColor" fill-opacity="0.15"/>'
        )
        if x >= free and LETTER * len(operation.name) <= width:
            parts.append(f'<text x="{x + 3:.1f}" y="{y + 14:.0f}" font-size="11">{escape(operation.name)}</text>')
            free = x + width
        parts.append("</g>")
    return parts


def _marks(recording: Recording, axis: Axis, top: float, bottom: float) -> list[str]:
    return [
        f"<g><title>{escape(mark.text)}, at {axis.told(mark.at)}</title>"
        f'<line x1="{axis.x(mark.at):.1f}" x2="{axis.x(mark.at):.1f}" y1="{top - 4:.0f}" y2="{bottom:.0f}" '
        'stroke="currentColor" stroke-opacity="0.6" stroke-dasharray="2 3"/>'
        f'<text x="{axis.x(mark.at) + 2:.1f}" y="{top - 5:.0f}" font-size="10">{number}</text></g>'
        for number, mark in enumerate(recording.marks, start=1)
    ]
