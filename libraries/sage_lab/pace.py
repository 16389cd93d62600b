"""How fast the nodes of a lab are: what takes a second on an ordinary machine takes ``pace`` seconds on them."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import yaml

from sage_lab.errors import LabError
from sage_lab.model import Completed, LabNode
from sage_lab.progress import Report
from sage_lab.providers import Provider

ORDINARY = 1.0
REFERENCE_SECONDS = 0.1
"""What the reference command takes on an ordinary machine: 0.07 s on two cores of a server, twice that on a laptop."""
ASIDE = 2.0
"""A node that is less than so much slower counts as ordinary: a busy moment is no slow machine."""
REFERENCE = """
import json, subprocess, sys, time
def once():
    began = time.monotonic()
    subprocess.run([sys.executable, "-I", "-c", "import asyncio, email.message, json, ssl"], check=True)
    return time.monotonic() - began
print(json.dumps(min(once() for _ in range(3))))
"""
PATIENCE = 120.0
FILE = "pace"
LIMITS = {"cluster": {"start_timeout": 120.0, "stop_timeout": 20.0, "drain_timeout": 30.0, "answer_timeout": 15.0}}
"""What a configuration gives nodes of ordinary pace time for, in seconds."""

Run = Callable[[Sequence[str]], Completed]
"""Runs a command on a node."""


def take(directory: Path, provider: Provider, node: LabNode, report: Report) -> None:
    """Measure the pace of this node and keep it as the lab's. Raises LabError."""
    python = provider.python(node)
    pace = measure(lambda argv: provider.run(node, argv, user="sage", timeout=PATIENCE, stdin=None), python)
    write(directory, pace)
    if pace > ORDINARY:
        report(f"the nodes take {pace:g} times as long as an ordinary machine: every wait is so much longer")


def measure(run: Run, python: str) -> float:
    """Run the reference command on a node by its ``python``, and say how much slower than ordinary it is, 1 at least.

    The best of three counts. Raises LabError when it fails there.
    """
    done = run([python, "-I", "-c", REFERENCE])
    if done.returncode:
        raise LabError(
            f"the pace could not be measured: {done.stderr.strip()[-500:]}",
            where=python,
            fix="see whether this Python works on the node",
        )
    pace = json.loads(done.stdout) / REFERENCE_SECONDS
    return round(pace, 1) if pace >= ASIDE else ORDINARY


def read(directory: Path) -> float:
    """The pace of the lab in this directory; ordinary before it was measured."""
    try:
        return float((directory / FILE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return ORDINARY


def write(directory: Path, pace: float) -> None:
    """Keep the pace, and give the managers more time where the lab's configuration is of slow nodes."""
    (directory / FILE).write_text(f"{pace:g}\n", encoding="utf-8")
    if pace == ORDINARY:
        return
    path = directory / "config.yaml"
    config: dict[str, dict[str, Any]] = yaml.safe_load(path.read_text(encoding="utf-8"))
    for section, limits in LIMITS.items():
        config.setdefault(section, {}).update({key: seconds * pace for key, seconds in limits.items()})
    config["ssh"]["connect_timeout"] = config["ssh"].get("connect_timeout", 10.0) * pace
    path.write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")
