"""Faults of a node's disk."""

from __future__ import annotations

from sage_lab.faults.kinds import Family, FaultKind, Kind, Option, Plan
from sage_lab.faults.means import ByLab, OnNode
from sage_lab.lab import Lab
from sage_lab.lab_files import TEMP_DIRECTORY
from sage_lab.model import Completed


def _takes_no_file(lab: Lab, node: str, plan: Plan) -> str:
    done = _touch(lab, node, plan)
    return (
        "" if "Read-only file system" in done.stderr else f"touch ended with {done.returncode}: {done.stderr.strip()}"
    )


def _is_writable(lab: Lab, node: str, plan: Plan) -> str:
    said = _touch(lab, node, plan).stderr
    return said.strip() if "Read-only file system" in said else ""


def _touch(lab: Lab, node: str, plan: Plan) -> Completed:
    """What the directory says to a new file, which is removed again."""
    path = f"{plan['directory']}/.sage-fault-probe"
    done = lab.run(node, ["touch", "--", path])
    lab.run(node, ["rm", "-f", "--", path])
    return done


KINDS = (
    Kind(
        FaultKind.DISK_FULL,
        Family.DISK,
        "The node's disk is filled to the last block.",
        OnNode("full-disk", lasts=True),
        (
            Option("directory", "/var/tmp", "a directory on the disk that is filled"),  # noqa: S108 - on the node
            Option("leave", 0, "bytes that stay free", least=0, most=2**40),
        ),
    ),
    Kind(
        FaultKind.READ_ONLY_TEMP_DIR,
        Family.DISK,
        "The temp dir is mounted read-only; files that are open for writing already stay so.",
        ByLab(
            begin=lambda lab, node, plan: lab.write_protect(node, plan["directory"], protect=True),
            end=lambda lab, node, plan: lab.write_protect(node, plan["directory"], protect=False),
            effective_probe=_takes_no_file,
            recovered_probe=_is_writable,
            lasts=False,
        ),
        (Option("directory", "/tmp", "the directory; everything below it too"),),  # noqa: S108 - on the node
    ),
    Kind(
        FaultKind.UNWRITABLE_TEMP_DIR,
        Family.DISK,
        "The cluster's user may not write into its temp dir; directories that are in it already stay writable.",
        OnNode("unwritable-directory", lasts=True),
        (Option("directory", TEMP_DIRECTORY, "the temp dir; made for the time of the fault when missing"),),
    ),
)
