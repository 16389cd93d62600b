"""The results as tables, for a console or as Markdown for the documentation."""

from __future__ import annotations

from statistics import median
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks import peers
from benchmarks.fanout import NAMES
from benchmarks.samples import Sample, failures, finished, median_seconds, ratios, valid
from benchmarks.start import FLOOR, MANAGER, TODAY
from benchmarks.status import BARE_PYTHON, BARE_TRUE, FIRST, NEXT

AIM = 1.15


def print_tables(results: dict[str, Any], console: Console, *, markdown: bool = False) -> None:
    """Print one table for each measurement that the results hold, and the errors of those that failed."""
    for make in (_start, _status, _fanout, _lab, peers.ray_up, peers.deployments, peers.scale):
        table = make(results["measurements"])
        if table.row_count:
            table.box = box.MARKDOWN if markdown else box.SIMPLE_HEAD
            console.print(table)
    for name, measured in results["measurements"].items():
        if measured.get("error"):
            console.print(f"{name}: {measured['error']}", markup=False)


def _start(measurements: dict[str, Any]) -> Table:
    title = f"start a cluster: median seconds (all values); aim: at most {AIM} x the floor"
    table = _table(
        title,
        "workers",
        "manager",
        "floor",
        "manager / floor",
        "today",
        "today / manager",
        "lab CPU-s, manager / floor",
    )
    for measured in _of(measurements, "start"):
        samples = _samples(measured)
        cpu = " / ".join(_median([s.lab_cpu for s in valid(samples, way)], 0) for way in (MANAGER, FLOOR))
        table.add_row(
            str(measured["workers"]),
            *(_seconds(samples, way) for way in (MANAGER, FLOOR)),
            _ratio(samples, MANAGER, FLOOR),
            _seconds(samples, TODAY),
            _ratio(samples, TODAY, MANAGER),
            cpu,
        )
    return table


def _status(measurements: dict[str, Any]) -> Table:
    columns = ("workers", "what", "calls that count", "median s", "least s", "most s", "client CPU-s")
    table = _table("status of a running cluster", *columns)
    for measured in _of(measurements, "status"):
        samples = _samples(measured)
        names = {BARE_TRUE: "only `true` on each node", BARE_PYTHON: "only a Python start on each node"}
        for way in (FIRST, NEXT, BARE_PYTHON, BARE_TRUE):
            values = [sample.seconds for sample in valid(samples, way)]
            if values:
                spread = (f"{value:.3f}" for value in (median(values), min(values), max(values)))
                cpu = _median([s.client_cpu for s in valid(samples, way)], 3)
                what = names.get(way, f"status_cluster, {way}")
                table.add_row(str(measured["workers"]), what, str(len(values)), *spread, cpu)
    return table


def _fanout(measurements: dict[str, Any]) -> Table:
    table = _table(
        "`true` on many connections, at most 50 at once", "case", "client", "wall s", "client CPU-s", "to ours"
    )
    for measured in _of(measurements, "fanout"):
        samples = _samples(measured)
        for case in measured["cases"]:
            for name in measured.get("clients", NAMES):
                way = f"{name} {case}"
                cpu = _median([s.client_cpu for s in valid(samples, way)], 2)
                against = "" if name == NAMES[0] else _ratio(samples, way, f"{NAMES[0]} {case}")
                table.add_row(case, name, _seconds(samples, way), cpu, against)
    return table


def _lab(measurements: dict[str, Any]) -> Table:
    table = _table("sage-lab up and down", "nodes", "up s", "down s")
    for measured in _of(measurements, "lab"):
        samples = _samples(measured)
        for nodes in measured["nodes"]:
            table.add_row(str(nodes), _seconds(samples, f"up {nodes}"), _seconds(samples, f"down {nodes}"))
    return table


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left")
    for column in columns:
        table.add_column(column)
    return table


def _of(measurements: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [m for name, m in measurements.items() if name.split()[0] == kind and "samples" in m]


def _samples(measured: dict[str, Any]) -> list[Sample]:
    return [Sample.from_dict(sample) for sample in measured["samples"]]


def _seconds(samples: list[Sample], way: str) -> str:
    """The median of what counts, then all values (a star: disturbed, does not count), and how many runs failed."""
    middle = median_seconds(samples, way)
    failed = failures(samples, way)
    values = ", ".join(f"{s.seconds:.2f}{'*' if s.disturbed else ''}" for s in finished(samples, way))
    told = "-" if middle is None else f"{middle:.2f}"
    told = f"{told} ({values})" if values else told
    return f"{told}, {failed} failed" if failed else told


def _ratio(samples: list[Sample], way: str, to: str) -> str:
    """The median of the rounds' ratios, with their range and number: a median of few says little without them."""
    values = ratios(samples, way, to)
    if not values:
        return "-"
    return f"{median(values):.2f} x ({min(values):.2f} to {max(values):.2f}, n={len(values)})"


def _median(values: list[float], digits: int) -> str:
    return f"{median(values):.{digits}f}" if values else "-"
