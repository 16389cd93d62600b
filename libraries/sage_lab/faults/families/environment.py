"""Faults of what Ray needs on a node."""

from __future__ import annotations

import socket

from sage_lab.faults.kinds import Family, Kind, Option, Plan
from sage_lab.faults.means import OnNode
from sage_lab.faults.on_node.environment_faults import MovedAside, StaleSession, TakenPort, WrongRayVersion
from sage_lab.files import TEMP_DIRECTORY
from sage_lab.lab import Lab

CONDA = "/opt/conda"
CONDA_RAY = f"{CONDA}/envs/sage/bin/ray"


def _accepts(lab: Lab, node: str, plan: Plan) -> str:
    address = (lab.node(node).control_address, int(plan["port"]))
    try:
        lab.inside(lambda: socket.create_connection(address, timeout=1).close())
    except OSError as error:
        return f"nobody accepts at {address[0]}:{address[1]}: {error}"
    return ""


_PROGRAM = Option("path", CONDA_RAY, "the program; by default that of the conda environment 'sage'")

KINDS = (
    Kind(
        "port taken",
        Family.ENVIRONMENT,
        "Somebody else listens on a port that Ray wants.",
        OnNode(TakenPort, effective_probe=_accepts),
        (Option("port", 6379, "the TCP port", least=1, most=65535),),
    ),
    Kind(
        "stale session directory",
        Family.ENVIRONMENT,
        "The temp dir holds the session of a Ray that died uncleanly, as the latest one.",
        OnNode(StaleSession, lasts=True),
        (Option("directory", TEMP_DIRECTORY, "Ray's temp dir"),),
    ),
    Kind(
        "conda missing",
        Family.ENVIRONMENT,
        "Conda is not where it was.",
        OnNode(MovedAside, lasts=True),
        (Option("path", CONDA, "the prefix of conda"),),
    ),
    Kind(
        "ray missing",
        Family.ENVIRONMENT,
        "The program ray is not in the environment; it hits clusters that are configured to use it.",
        OnNode(MovedAside, lasts=True),
        (_PROGRAM,),
    ),
    Kind(
        "wrong ray version",
        Family.ENVIRONMENT,
        "The program ray of the environment says another version; it hits clusters that are configured to use it.",
        OnNode(WrongRayVersion, lasts=True),
        (_PROGRAM, Option("version", "2.0.0", "what it says")),
    ),
)
