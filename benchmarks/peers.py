"""Tables of the managers beside `ray up` and rsync, and of the growth with the number of nodes."""

from __future__ import annotations

from statistics import median
from typing import Any

from rich.table import Table

from benchmarks.deployment import MANAGER, RSYNC
from benchmarks.ray_up import RAY_UP
from benchmarks.samples import Sample, failures, finished, ratios

Measurements = dict[str, Any]
MIB = 1 << 20


def ray_up(measurements: Measurements) -> Table:
    """Start and stop by the manager and by Ray's own launcher."""
    columns = ("workers", "what", "manager s", "ray up / ray down s", "ray up / manager")
    table = Table(*columns, title="start and stop beside Ray's own launcher", title_justify="left")
    measured = measurements.get("ray-up", {})
    samples = [Sample.from_dict(sample) for sample in measured.get("samples", [])]
    for what in ("start", "stop") if samples else ():
        ways = f"{MANAGER} {what}", f"{RAY_UP} {what}"
        ours, theirs = (_seconds(samples, way) for way in ways)
        table.add_row(str(measured["workers"]), what, ours, theirs, _ratio(samples, ways[1], ways[0]))
    return table


def deployments(measurements: Measurements) -> Table:
    """Deployment by the manager and by rsync."""
    columns = ("workers", "case", "manager s", "rsync s", "manager / rsync")
    table = Table(*columns, title="deployment beside rsync", title_justify="left")
    measured = measurements.get("deployment", {})
    samples = [Sample.from_dict(sample) for sample in measured.get("samples", [])]
    for case in measured.get("cases", []):
        ways = f"{MANAGER} {case}", f"{RSYNC} {case}"
        ours, theirs = (_seconds(samples, way) for way in ways)
        table.add_row(str(measured["workers"]), case, ours, theirs, _ratio(samples, *ways))
    return table


def scale(measurements: Measurements) -> Table:
    """What each operation takes with so many simulated nodes."""
    columns = ("operation", "workers", "wall s", "CPU-s", "memory MiB", "threads", "open files", "cores while watching")
    table = Table(*columns, title="ever more simulated nodes", title_justify="left")
    for row in measurements.get("scale", {}).get("rows", []):
        watching = f"{row['watch_cores']:.2f}" if "watch_cores" in row else "-"
        figures = [f"{row['seconds']:.2f}", f"{row['cpu']:.2f}", f"{row['memory'] / MIB:.0f}"]
        table.add_row(row["operation"], str(row["workers"]), *figures, str(row["threads"]), str(row["files"]), watching)
    return table


def _seconds(samples: list[Sample], way: str) -> str:
    """All values (a star: disturbed), and how many runs failed."""
    values = ", ".join(f"{s.seconds:.2f}{'*' if s.disturbed else ''}" for s in finished(samples, way)) or "-"
    failed = failures(samples, way)
    return f"{values}, {failed} failed" if failed else values


def _ratio(samples: list[Sample], way: str, to: str) -> str:
    values = ratios(samples, way, to)
    return f"{median(values):.2f} x (n={len(values)})" if values else "-"
