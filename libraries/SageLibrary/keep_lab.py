"""Whether the lab stays up at the end of a run, by KEEP_LAB in the environment, and how to look into it then."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Mapping, Sequence

VARIABLE = "KEEP_LAB"
ALWAYS, ON_FAIL, NEVER = {"1", "yes", "true"}, "on-fail", {"", "0", "no", "false"}


def check() -> None:
    """Raise ValueError when KEEP_LAB says neither yes, no nor on-fail."""
    said = os.environ.get(VARIABLE, "")
    if said.lower() not in {*ALWAYS, ON_FAIL, *NEVER}:
        raise ValueError(f"{VARIABLE} was '{said}', should be 1 (keep it) or {ON_FAIL} (keep it when a test failed)")


def always() -> bool:
    """Whether the lab stays whatever happens."""
    return os.environ.get(VARIABLE, "").lower() in ALWAYS


def on_fail() -> bool:
    """Whether the lab stays when a test failed."""
    return os.environ.get(VARIABLE, "").lower() == ON_FAIL


def worth_a_look(failures: Sequence[str], nodes: Sequence[str], states: Mapping[str, str]) -> list[str]:
    """The nodes that the messages of failed tests name; else those that do not run; else all."""
    named = {node for node in nodes for text in failures if re.search(rf"(?<![\w-]){re.escape(node)}(?![\w-])", text)}
    ill = {node for node in nodes if states.get(node, "running") != "running"}
    return [node for node in nodes if node in (named or ill or nodes)]


def how_to_look(lab: str, nodes: Sequence[str]) -> str:
    """Commands to log in to these nodes of a lab, and to take it down, ready to be pasted into any shell."""
    home = os.environ.get("SAGE_LAB_HOME")
    program = f"{f'SAGE_LAB_HOME={shlex.quote(home)} ' if home else ''}sage-lab"
    lines = [f"{program} ssh --name {lab} {node}" for node in nodes]
    return "\n".join(f"    {line}" for line in [*lines, f"{program} down --name {lab}"])
