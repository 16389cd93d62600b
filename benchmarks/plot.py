"""The growth with the number of nodes as a picture: `python -m benchmarks.plot results/benchmarks.json OUT.svg`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

PANELS = (
    ("cpu", "CPU seconds", 1.0),
    ("memory", "memory, MiB", 1 / (1 << 20)),
    ("threads", "threads", 1.0),
    ("files", "open files", 1.0),
)


def plot_scale(measured: dict[str, Any], output: Path) -> None:
    """One panel for each figure, both axes logarithmic; the grey line is what grows as the nodes do."""
    mpl.rcParams["svg.hashsalt"] = "scale"  # the same picture has the same text
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
    figure.savefig(output, metadata={"Date": None, "Creator": None} if output.suffix == ".svg" else None)


if __name__ == "__main__":
    content = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    plot_scale(content["measurements"]["scale"], Path(sys.argv[2]))
