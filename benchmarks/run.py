"""A whole run: each measurement in a process of its own, its result kept as soon as it is there."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks.lab import say
from benchmarks.machine import describe
from sage_lab import sweep
from sage_lab.machine.commands import dying_with_this_process

KINDS = ("start", "status", "fanout", "lab", "ray-up", "deployment", "scale")
SIZES, QUICK_SIZES = (1, 3, 6, 10), (1,)
SIZES_OF_TODAY = (1, 3)
MANY = 10
PEER_SIZE = 3
QUICK_SCALE = (10, 100)
LAB_SIZES, QUICK_LAB_SIZES = (3, 10), (3,)
LAB = "bench"
MEASUREMENT_SECONDS = 3600.0


def run(kinds: Sequence[str], repeat: int, *, quick: bool, full: bool, command: str, output: Path) -> dict[str, Any]:
    """Measure these kinds and write ``output`` (JSON) after each measurement; returns what it holds.

    A measurement that fails is in the results with its ``error`` and holds up no other.
    """
    results: dict[str, Any] = {**describe(command), "repeat": repeat, "measurements": {}}
    for name, labs, arguments in _plan(kinds, repeat, quick=quick, full=full):
        say(f"== {name}")
        try:
            results["measurements"][name] = _measure(arguments)
        finally:  # also when this run is interrupted: no lab of it stays
            for lab in labs:
                sweep(lab)
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    return results


def _plan(kinds: Sequence[str], repeat: int, *, quick: bool, full: bool) -> Iterator[tuple[str, list[str], list[str]]]:
    """Each measurement: its name, the labs that it makes, and the words of its command."""
    times = ["--repeat", str(repeat)]
    if "start" in kinds:
        for size in QUICK_SIZES if quick else SIZES:
            today = ["--today"] if full or size in SIZES_OF_TODAY else []
            lab = f"{LAB}-start-{size}"
            yield f"start {size}", [lab], ["start", "--lab", lab, "--workers", str(size), *times, *today]
    if "status" in kinds:
        size = QUICK_SIZES[0] if quick else MANY
        lab = f"{LAB}-status"
        yield "status", [lab], ["status", "--lab", lab, "--workers", str(size), *times]
    if "fanout" in kinds:
        fast = ["--quick"] if quick else []
        lab = f"{LAB}-fanout"
        yield "fanout", [lab], ["fanout", "--lab", lab, "--workers", str(MANY), *times, *fast]
    if "lab" in kinds:
        sizes = QUICK_LAB_SIZES if quick else LAB_SIZES
        labs = [f"{LAB}-lab-{size}" for size in sizes]
        yield "lab", labs, ["lab", "--lab", f"{LAB}-lab", *(f"--workers={size}" for size in sizes), *times]

    for kind in ("ray-up", "deployment"):
        if kind in kinds:
            size, lab = QUICK_SIZES[0] if quick else PEER_SIZE, f"{LAB}-{kind}"
            yield kind, [lab], [kind, "--lab", lab, "--workers", str(size), *times]
    if "scale" in kinds:
        yield "scale", [], ["scale", *([f"--workers={size}" for size in QUICK_SCALE] if quick else [])]


def _measure(arguments: list[str]) -> dict[str, Any]:
    """The JSON of one measuring process, or its error; its progress goes on to standard error."""
    command = [sys.executable, "-m", "benchmarks", *arguments]
    try:
        done = subprocess.run(
            dying_with_this_process(command),
            stdout=subprocess.PIPE,
            text=True,
            timeout=MEASUREMENT_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return {
            "error": f"no result after {MEASUREMENT_SECONDS:g} s; run it alone: python -m benchmarks {arguments[0]}"
        }
    if done.returncode:
        return {"error": f"ended with status {done.returncode}; its own words are above, on standard error"}
    measured: dict[str, Any] = json.loads(done.stdout)
    return measured
