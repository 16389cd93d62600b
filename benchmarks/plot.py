"""The growth with the number of nodes, and the peers beside us, as pictures.

`python -m benchmarks.plot FILE.json... DIRECTORY` writes scale.svg and peers.svg; of two files with one measurement the
last counts.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from benchmarks.deployment import MANAGER, RSYNC
from benchmarks.fanout import NAMES
from benchmarks.ray_up import RAY_UP
from benchmarks.samples import Sample, ratios

PANELS = (
    ("cpu", "CPU seconds", 1.0),
    ("memory", "memory, MiB", 1 / (1 << 20)),
    ("threads", "threads", 1.0),
    ("files", "open files", 1.0),
)


def plot_scale(measured: dict[str, Any], output: Path) -> None:
    """One panel for each figure, both axes logarithmic; the grey line is what grows as the nodes do."""
    figure = Figure(figsize=(11, 3.2), layout="constrained")
    for axes, (key, label, factor) in zip(figure.subplots(1, len(PANELS)), PANELS, strict=True):
        for operation in sorted({row["operation"] for row in measured["rows"]}):
            rows = [row for row in measured["rows"] if row["operation"] == operation]
            nodes = [row["workers"] for row in rows]
            axes.loglog(nodes, [row[key] * factor for row in rows], marker="o", label=operation)
        first = min(row[key] * factor for row in measured["rows"] if row["workers"] == measured["sizes"][0])
        sizes = measured["sizes"]
        axes.loglog(sizes, [first * size / sizes[0] for size in sizes], color="grey", linestyle=":", label="linear")
        axes.set(xlabel="workers", title=label)
    figure.axes[0].legend(fontsize="small")
    _save(figure, output)


def plot_peers(measurements: dict[str, Any], output: Path) -> None:
    """For each thing that a peer did too: its wall time over ours, a dot for each round; no file without."""
    rows = [(label, values) for label, values in _beside_ours(measurements) if values]
    if not rows:
        return
    figure = Figure(figsize=(9, 1.2 + 0.28 * len(rows)), layout="constrained")
    axes = figure.subplots()
    for place, (_, values) in enumerate(rows):
        axes.plot(values, [place] * len(values), "o", color="tab:blue", alpha=0.6)
    axes.axvline(1.0, color="grey", linestyle=":")
    axes.set(xscale="log", xlabel="the peer's wall time over ours; right of the line we are faster")
    axes.set_yticks(range(len(rows)), [label for label, _ in rows])
    axes.invert_yaxis()
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_formatter("")
    _save(figure, output)


def _save(figure: Figure, output: Path) -> None:
    """As SVG; the same picture has the same text."""
    mpl.rcParams["svg.hashsalt"] = output.stem
    figure.savefig(output, metadata={"Date": None, "Creator": None})


def _beside_ours(measurements: dict[str, Any]) -> Iterator[tuple[str, list[float]]]:
    """What a peer did, and its times over ours."""
    ours, *others = NAMES
    fanout = measurements.get("fanout", {})
    for case in fanout.get("cases", ()):
        for name in fanout.get("clients", others):
            if name != ours:
                yield f"{name}, {case}", _ratios(fanout, f"{name} {case}", f"{ours} {case}")
    launcher = measurements.get("ray-up", {})
    for what in ("start", "stop"):
        yield f"{RAY_UP}, {what}", _ratios(launcher, f"{RAY_UP} {what}", f"{MANAGER} {what}")
    deployment = measurements.get("deployment", {})
    for case in deployment.get("cases", ()):
        yield f"{RSYNC}, {case}", _ratios(deployment, f"{RSYNC} {case}", f"{MANAGER} {case}")


def _ratios(measured: dict[str, Any], way: str, to: str) -> list[float]:
    return ratios([Sample.from_dict(sample) for sample in measured.get("samples", ())], way, to)


if __name__ == "__main__":
    *files, directory = map(Path, sys.argv[1:])
    found: dict[str, Any] = {}
    for file in files:
        found |= json.loads(file.read_text(encoding="utf-8"))["measurements"]
    if "scale" in found:
        plot_scale(found["scale"], directory / "scale.svg")
    plot_peers(found, directory / "peers.svg")
