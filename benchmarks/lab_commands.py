"""`sage-lab up` and `sage-lab down`, as a user types them."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.cpu import await_quiet, observe
from benchmarks.errors import BenchmarkError
from benchmarks.lab import say
from benchmarks.samples import Sample, in_turn, measure

COMMAND_SECONDS = 120.0


def measure_lab(name: str, sizes: list[int], repeat: int) -> dict[str, Any]:
    """Bring labs with so many workers up and down ``repeat`` times; a way is "up" and the nodes: "up 4"."""
    samples: list[Sample] = []
    for number in range(repeat):
        for size in in_turn([str(size) for size in sizes], number):
            nodes = int(size) + 1
            lab = f"{name}-{size}"
            before = await_quiet()
            up = partial(_sage_lab, "up", "--workers", size, "--name", lab)
            down = partial(_sage_lab, "down", "--name", lab)
            measured = [measure(f"up {nodes}", number, up), measure(f"down {nodes}", number, down)]
            # The commands are too short, and their own work in the kernel too much, to tell others from them meanwhile.
            others = max(before, observe())
            samples += [replace(sample, others_cores=others) for sample in measured]
            for sample in samples[-2:]:
                say(f"lab, round {number + 1}, {sample.way} nodes: {sample.seconds:.2f} s")
    return {"nodes": [size + 1 for size in sizes], "samples": [sample.to_dict() for sample in samples]}


def _sage_lab(*arguments: str) -> dict[str, Any]:
    program = str(Path(sys.prefix) / "bin" / "sage-lab")
    done = subprocess.run([program, *arguments], capture_output=True, text=True, timeout=COMMAND_SECONDS, check=False)
    if done.returncode:
        raise BenchmarkError(done.stderr.strip(), where=f"sage-lab {arguments[0]}", fix="sage-lab doctor")
    return {"said": done.stdout.splitlines()}
